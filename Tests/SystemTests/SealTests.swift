import Audit
import JSON
import Linux
import TestSupport
import Testing

/// The key of the audit log, made by the real daemon and held against its log by the real client.
@Suite(
    "The audit key", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: Command.exists("script"), "needs script of util-linux, which makes a terminal"), .serialized)
struct SealTests {
    @Test func `is shown on a terminal only, and once`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let refused = try stage.run(stage.makingKey, as: Stage.root)
        #expect(refused.code == 1)
        #expect(refused.errors.contains("terminal"), "\(refused.errors)")
        #expect(!Files.exists(stage.keyFile))
        #expect(!Files.exists("\(stage.auditDirectory)/audit-00000001.jsonl"))
        let daemon = try stage.startDaemon()
        let running = try stage.onTerminal(stage.makingKey)
        #expect(
            running.code == 1 && running.output.contains("this audit log: stop migbrokerd first"), "\(running.output)")
        #expect(try daemon.stop() == .exited(0))
        #expect(!Files.exists(stage.keyFile))
        let key = try stage.makeKey()
        #expect(key.hasPrefix("0:") && key.utf8.count == 66)
        let stored = try Files.read(stage.keyFile)
        #expect(stored.starts(with: Array("1:".utf8)))
        #expect(!String(decoding: stored, as: UTF8.self).contains(key.dropFirst(2)))
        let again = try stage.onTerminal(stage.makingKey)
        #expect(again.code == 1 && again.output.contains("has a key already"), "\(again.output)")
        #expect(try Files.read(stage.keyFile) == stored)
    }

    @Test func `seals what the broker does, and the client checks it`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let key = try stage.makeKey()
        let file = "\(stage.path)/key"
        try Files.write(file, Array("\(key)\n".utf8), mode: 0o600)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let live = try stage.migctl(["audit", "verify", "--json"], as: Stage.dave)
        let reply = try JSONParser.parse(Array(live.output.utf8), limits: .record)
        #expect(reply["seals"]?.integerValue == 1 && reply["valid"]?.boolValue == true)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        #expect(try daemon.stop() == .exited(0))

        func verify(_ words: [String], input: String = "") throws -> Command {
            try stage.migctl(["audit", "verify", stage.auditDirectory] + words, as: Stage.root, input: input)
        }
        let good = try verify(["--key", file])
        #expect(good.code == 0 && good.errors.contains("made with the key"), "\(good.errors)")
        #expect(try verify(["--key", "-"], input: key + "\n").code == 0)
        #expect(try verify([]).errors.contains("--key checks who made them"))
        let other = "0:" + String(repeating: "5a", count: 32)
        let wrong = try verify(["--key", "-"], input: other)
        #expect(wrong.code == 10 && wrong.errors.contains("not made with the key of epoch 0"), "\(wrong.errors)")
        #expect(try verify(["--key", "-"], input: "no key").code == 2)
        // A key that is given as an argument names no file.
        #expect(try verify(["--key", key]).code == 1)
        let head = String(good.output.split(separator: "\n")[0])
        #expect(try verify(["--key", file, "--head", head]).code == 0)
        let path = "\(stage.auditDirectory)/audit-00000001.jsonl"
        let text = String(decoding: try Files.read(path), as: UTF8.self)
        try Files.write(path, Array(text.replacing("alice", with: "alicf").utf8))
        #expect(try verify(["--key", file]).code == 10)
    }

    @Test func `without one, the verifier says so in a line`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try daemon.stop() == .exited(0))
        let told = try stage.migctl(["audit", "verify", stage.auditDirectory], as: Stage.root)
        #expect(told.code == 0)
        #expect(told.errors.split(separator: "\n").count { $0.contains("no seals") } == 1, "\(told.errors)")
    }
}

extension Stage {
    var keyFile: String { "\(broker)/var/lib/migbroker/audit-key" }

    var makingKey: [String] {
        ["\(path)/bin/migbrokerd", "--root", broker, "--driver", machine, "--init-audit-key"]
    }

    /// Runs a command on a terminal of its own.
    func onTerminal(_ words: [String]) throws -> Command {
        try run(["script", "-qec", words.joined(separator: " "), "/dev/null"], as: Stage.root)
    }

    /// Makes the audit key as an admin does, and notes what the terminal shows.
    func makeKey() throws -> String {
        let shown = try onTerminal(makingKey)
        let line = shown.output.split(whereSeparator: \.isNewline).first { $0.hasPrefix("0:") }
        guard shown.code == 0, let line else { throw StageError(what: shown.output + shown.errors) }
        return String(line)
    }
}
