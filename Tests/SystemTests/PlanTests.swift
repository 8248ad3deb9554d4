import Audit
import JSON
import Linux
import TestSupport
import Testing

@Suite("Plans", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct PlanTests {
    /// A change, and what comes before it; root makes it, so that only the plan can be refused.
    struct Change: Sendable, CustomTestStringConvertible {
        let before: [String]
        let line: String
        var testDescription: String { line }
    }

    static let changes = [
        Change(before: [], line: "gi create 9,19,14 -C"), Change(before: [], line: "gi create 19:6,9"),
        Change(before: ["gi create 9:0"], line: "ci create 0,0:2,0 --gi 0:1"),
        Change(before: ["gi create 9:0,14:4 -C"], line: "ci destroy 0 --gi 0:1,0:5"),
        Change(before: ["gi create 9:0", "ci create 0,1"], line: "gi destroy 0:1"),
        Change(before: ["gi create 9,19 -C"], line: "mode disable --gpu 0"),
    ]

    private func steps(_ reply: JSONValue) -> [JSONValue] { reply["plan"]?["steps"]?.arrayValue ?? [] }

    private func json(_ stage: Stage, _ line: String, as person: Stage.Person) throws -> JSONValue {
        let ran = try stage.migctl("--json \(line)", as: person)
        guard ran.code == 0 else { throw StageError(what: "\(line): \(ran.code) \(ran.output)\(ran.errors)") }
        return try JSONParser.parse(Array(ran.output.utf8), limits: .reply)
    }

    /// A step without what only the deed gives: numbers and leases of what is made.
    private func bare(_ step: JSONValue) -> JSONValue {
        let isMaking = step["action"]?.stringValue?.hasPrefix("create") == true
        let given = isMaking ? ["gi", "ci", "lease", "user"] : []
        return .object((step.objectValue ?? []).filter { !given.contains($0.key) })
    }

    @Test(arguments: changes)
    func `what a dry run shows is what is done under its id, step by step and once`(change: Change) throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        for line in change.before { #expect(try stage.migctl(line, as: Stage.root).code == 0) }
        let before = try stage.machine().text
        let intents = try stage.records("intent").count
        let shown = try json(stage, "\(change.line) --dry-run", as: Stage.root)
        #expect(shown["dryRun"]?.boolValue == true && shown["operation"]?.stringValue == nil)
        #expect(!steps(shown).isEmpty)
        // Looking changes nothing, and shows the same again.
        #expect(try json(stage, "\(change.line) --dry-run", as: Stage.root) == shown)
        #expect(try stage.machine().text == before)
        #expect(try stage.records("intent").count == intents)

        let id = try #require(shown["plan"]?["id"]?.stringValue)
        let done = try json(stage, "\(change.line) --plan \(id) --yes", as: Stage.root)
        #expect(done["plan"]?["id"]?.stringValue == id && done["dryRun"]?.boolValue == false)
        #expect(done["operation"]?.stringValue != nil)
        #expect(steps(done).map(bare) == steps(shown).map(bare), "\(done.text())\n\(shown.text())")
        for step in steps(done) where step["action"]?.stringValue?.contains("instance") == true {
            #expect(step["gi"]?.integerValue != nil && step["lease"]?.stringValue != nil, "\(step.text())")
        }
        #expect(try stage.violations() == [])

        let after = try stage.machine().text
        let again = try stage.migctl("\(change.line) --plan \(id) --yes", as: Stage.root)
        // Where there is no such plan any more, because the room is taken or the thing gone, that is the answer.
        let isGone = again.code == 6 || again.code == 4
        #expect(isGone || again.code == 1 && again.errors.contains("PlanChanged"), "\(again.errors)")
        #expect(try stage.machine().text == after)
        _ = daemon
    }

    /// What happens between a look and the deed.
    enum Interloper: String, CaseIterable, Sendable {
        case lease, rawInstance, computeInstance, endedLease, otherTool, otherToolsComputeInstance, mode
    }

    private func happen(_ interloper: Interloper, on stage: Stage) throws {
        let ran: Command? =
            switch interloper {
            case .lease: try stage.migctl("request 1g.5gb", as: Stage.bob)
            case .rawInstance: try stage.migctl("gi create 19", as: Stage.bob)
            case .computeInstance: try stage.migctl("ci create 0 --gi 0:3", as: Stage.bob)
            case .endedLease: try stage.migctl("release --all", as: Stage.bob)
            case .otherTool, .otherToolsComputeInstance, .mode: nil
            }
        switch interloper {
        case .otherTool: try stage.otherTool("gi 19")
        case .otherToolsComputeInstance: try stage.otherTool("ci 3 0")
        // Somebody else's wish for a mode.
        case .mode: try stage.otherTool("mode 0")
        default: #expect(ran?.code == 0, "\(interloper): \(ran?.errors ?? "")")
        }
    }

    @Test(arguments: Interloper.allCases.filter { $0 != .mode })
    func `a plan is refused where anything has moved on its GPU in between`(interloper: Interloper) throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        // Bob's is 0:3 and alice's 0:4, each with room for more.
        #expect(try stage.migctl("gi create 14:0", as: Stage.bob).code == 0)
        #expect(try stage.migctl("gi create 14:2", as: Stage.alice).code == 0)
        #expect(try stage.migctl("ci create 0 --gi 4", as: Stage.alice).code == 0)
        let lines = ["gi create 19", "ci create 0 --gi 0:4", "ci destroy 0:4:0", "gi destroy 0:4"]
        let ids = try lines.map { line in
            try #require(try json(stage, "\(line) --dry-run", as: Stage.alice)["plan"]?["id"]?.stringValue)
        }
        let off = try json(stage, "mode disable --gpu 0 --dry-run", as: Stage.root)["plan"]?["id"]?.stringValue
        try happen(interloper, on: stage)
        let intents = try stage.records("intent").count
        let before = try stage.machine().text
        let calls = zip(lines, ids).map { ($0, $1, Stage.alice) } + [("mode disable --gpu 0", off ?? "", Stage.root)]
        for (line, id, person) in calls {
            // Another tool's instance keeps a mode from being changed, whatever the plan is.
            let isOthers = interloper == .otherTool || interloper == .otherToolsComputeInstance
            let isBarred = isOthers && line.hasPrefix("mode")
            let refused = try stage.migctl("\(line) --plan \(id) --yes", as: person)
            #expect(refused.code == (isBarred ? 5 : 1), "\(line): \(refused.errors)")
            #expect(refused.errors.contains(isBarred ? "another tool" : "PlanChanged"), "\(line): \(refused.errors)")
        }
        #expect(try stage.machine().text == before)
        #expect(try stage.records("intent").count == intents)
        #expect(try daemon.stop() == .exited(0))
        #expect(try stage.denials(of: Stage.alice).contains { $0.error == "PlanChanged" })
    }

    // The broker's own session keeps an A100 from the reset that the change takes.
    @Test(arguments: [("A100", 1, "PlanChanged"), ("H100", 7, "MIGDisabled")] as [(String, Int32, String)])
    func `a plan is refused where the mode has moved, or only the wish for one`(
        board: String, code: Int32, error: String
    ) throws {
        let stage = try Stage(machine: ["--gpu", board, "--mig"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        let create = try json(stage, "gi create 9 --dry-run", as: Stage.alice)["plan"]?["id"]?.stringValue ?? ""
        let off = try json(stage, "mode disable --gpu 0 --dry-run", as: Stage.root)["plan"]?["id"]?.stringValue ?? ""
        try happen(.mode, on: stage)
        let created = try stage.migctl("gi create 9 --plan \(create)", as: Stage.alice)
        #expect(created.code == code && created.errors.contains(error), "\(created.errors)")
        let refused = try stage.migctl("mode disable --gpu 0 --plan \(off)", as: Stage.root)
        #expect(refused.code == 1 && refused.errors.contains("PlanChanged"), "\(refused.errors)")
        #expect(try stage.records("intent").isEmpty)
        _ = daemon
    }

    @Test func `a plan is of one call alone`() throws {
        let stage = try Stage(machine: ["--gpu", "A100", "--count", "2", "--mig"], policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        let id = try #require(
            try json(stage, "gi create 9 --gpu 0 --dry-run", as: Stage.alice)["plan"]?["id"]?.stringValue)
        for line in [
            "gi create 14 --gpu 0", "gi create 9 --gpu 1", "gi create 9 --gpu 0 -C", "gi create 9,9 --gpu 0",
            "gi create 9 --gpu 0,1", "gi create 9:0 --gpu 0",
        ] {
            let refused = try stage.migctl("\(line) --plan \(id) --yes", as: Stage.alice)
            #expect(refused.code == 1 && refused.errors.contains("PlanChanged"), "\(line): \(refused.errors)")
        }
        let mode = try stage.migctl("mode disable --gpu 0 --plan \(id)", as: Stage.root)
        #expect(mode.code == 1 && mode.errors.contains("PlanChanged"))
        for id in [
            "", "0", String(repeating: "0", count: 31), String(repeating: "g", count: 32), id.uppercased() + "0",
        ] {
            let words = ["gi", "create", "9", "--gpu", "0", "--plan", id]
            #expect(try stage.migctl(words, as: Stage.alice).code == 2, "\(id)")
            let call = Stage.call("CreateGPUInstances", #"{"profiles":["9"],"plan":"\#(id)"}"#)
            #expect(try stage.exchange(call, as: Stage.alice).invalidParameter == "plan", "\(id)")
        }
        #expect(try stage.machine().instances == 0)
        // What happens on another GPU is nobody's concern.
        #expect(try stage.migctl("request 1g.5gb --gpu 1", as: Stage.bob).code == 0)
        #expect(try stage.migctl("gi create 9 --gpu 0 --plan \(id)", as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `a plan that somebody else was shown gives nobody a right`() throws {
        let stage = try Stage(policy: InstancePolicy.usual)
        let daemon = try stage.startDaemon(GPUInstanceTests.fast)
        #expect(try stage.migctl("gi create 9 -C", as: Stage.alice).code == 0)
        let id = try #require(
            try json(stage, "mode disable --gpu 0 --dry-run", as: Stage.root)["plan"]?["id"]?.stringValue)
        for person in [Stage.alice, Stage.bob, Stage.carol, Stage.dave] {
            #expect(try stage.migctl("mode disable --gpu 0 --plan \(id) --yes", as: person).code == 3)
        }
        #expect(try stage.modes() == [[true, true]])
        #expect(try stage.machine().instances == 1)
        _ = daemon
    }
}
