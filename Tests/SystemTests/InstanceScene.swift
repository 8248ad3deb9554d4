import Audit
import JSON
import TestSupport
import Testing

/// What is done with GPU instances, compute instances and modes while something goes wrong.
enum InstanceOperation: String, CaseIterable, Sendable {
    case giCreate, giCreateReady, giDestroy, ciCreate, ciDestroy, modeEnable, modeDisable

    var arguments: [String] {
        switch self {
        case .giCreate: ["gi", "create", "1g.5gb", "2g.10gb"]
        case .giCreateReady: ["gi", "create", "-C", "1g.5gb", "2g.10gb"]
        case .giDestroy: ["gi", "destroy", "--all"]
        case .ciCreate: ["ci", "create", "1c.3g.20gb", "1c.3g.20gb", "1c.3g.20gb"]
        case .ciDestroy: ["ci", "destroy", "--all"]
        case .modeEnable: ["--yes", "mode", "enable", "--gpu", "0,1"]
        case .modeDisable: ["--yes", "mode", "disable", "--gpu", "0,1"]
        }
    }

    var isMode: Bool { self == .modeEnable || self == .modeDisable }
    /// All of it happens, or nothing.
    var isWhole: Bool { self != .giDestroy && self != .ciDestroy }
    var person: Stage.Person { isMode ? Stage.root : Stage.alice }

    fileprivate var machine: [String] {
        switch self {
        case .modeEnable: ["--gpu", "A100", "--count", "2"]
        case .modeDisable: ["--gpu", "A100", "--count", "2", "--mig"]
        default: ["--gpu", "A100", "--mig"]
        }
    }

    /// What has to be there before it.
    fileprivate var before: [[String]] {
        switch self {
        case .giDestroy: [Self.giCreateReady.arguments]
        case .ciCreate: [["gi", "create", "3g.20gb"]]
        case .ciDestroy: [["gi", "create", "3g.20gb"], Self.ciCreate.arguments]
        default: []
        }
    }
}

/// A stage for one operation, done again and again while something goes wrong, with bob as a bystander.
final class InstanceScene {
    let stage: Stage
    let operation: InstanceOperation
    var daemon: KeptProcess
    private var bystander: [String] = []

    static let options = ["--limit", "changesPerSecond=1000", "--limit", "retrySeconds=1"]

    init(_ operation: InstanceOperation) throws {
        self.operation = operation
        stage = try Stage(machine: operation.machine, policy: ScenePolicy.text)
        daemon = try stage.startDaemon(Self.options)
        guard !operation.isMode else { return }
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        bystander = try stage.leases(of: Stage.bob)
    }

    func restart() throws { daemon = try stage.startDaemon(Self.options) }

    func prepare() throws {
        for words in operation.before {
            let made = try stage.migctl(words, as: Stage.alice)
            #expect(made.code == 0, "\(words): \(made.errors)")
        }
    }

    func act() throws -> Command { try stage.migctl(operation.arguments, as: operation.person) }

    /// How many of alice's compute instances there are, by the simulator's own tool.
    func computeInstances() throws -> Int {
        let seats = try stage.objects(["leases"], "leases", as: Stage.alice).compactMap { $0["gi"]?.integerValue }
        return try stage.gpuInstances().filter { $0["gi"]?.integerValue.map(seats.contains) ?? false }
            .reduce(0) { $0 + ($1["computeInstances"]?.arrayValue?.count ?? 0) }
    }

    /// How many GPUs have the mode that is asked for, and would have it after a reset.
    func changedModes() throws -> Int {
        try (stage.machine().value["gpus"]?.arrayValue ?? []).count { gpu in
            let wanted = operation == .modeEnable
            return gpu["mig"]?["current"]?.boolValue == wanted && gpu["mig"]?["pending"]?.boolValue == wanted
        }
    }

    /// How much of the operation has come about, and how much that would be at most.
    func extent() throws -> (done: Int, whole: Int) {
        switch operation {
        case .giCreate, .giCreateReady: (try stage.leases(of: Stage.alice).count, 2)
        case .giDestroy: (2 - (try stage.leases(of: Stage.alice).count), 2)
        case .ciCreate: (try computeInstances(), 3)
        case .ciDestroy: (3 - (try computeInstances()), 3)
        case .modeEnable, .modeDisable: (try changedModes(), 2)
        }
    }

    /// Waits until the driver is there again for changes, the broker has looked and all is as it must be; what was left behind is taken back then.
    func settle(_ what: String) throws {
        try daemon.waitUntil("\(what): the driver answers again") {
            try stage.migctl(["--dry-run", "--yes", "mode", "enable", "--gpu", "0"], as: Stage.root).code == 0
        }
        try stage.settle(daemon, what)
        try daemon.waitUntil("\(what): nothing is left behind") {
            try AuditStory(of: stage.auditDirectory).leftBehind.isEmpty
        }
        #expect(try stage.violations() == [], "\(what)")
        #expect(try stage.leases(of: Stage.bob) == bystander, "\(what)")
    }

    /// What an operation came to is what its answer says; `isDead` is an answer that nobody got.
    func expectTruth(_ code: Int32, isDead: Bool = false, mayBePartial: Bool = false, _ what: String) throws {
        let (done, whole) = try extent()
        if code == 0 {
            #expect(done == whole, "\(what)")
        } else if operation.isWhole, !mayBePartial {
            #expect(isDead ? [0, whole].contains(done) : done == 0, "\(what): \(done) of \(whole)")
        }
        guard operation == .ciCreate || operation == .ciDestroy else { return }
        #expect(try stage.leases(of: Stage.alice).count == 1, "\(what): the GPU instance stays")
    }

    /// Brings everything back to where it began.
    func cleanUp(_ what: String) throws {
        if operation.isMode {
            let opposite: InstanceOperation = operation == .modeEnable ? .modeDisable : .modeEnable
            let back = try stage.migctl(opposite.arguments, as: Stage.root)
            #expect(back.code == 0, "\(what): \(back.errors)")
            #expect(try changedModes() == 0, "\(what)")
        } else {
            if try !stage.leases(of: Stage.alice).isEmpty {
                let released = try stage.migctl(["release", "--all"], as: Stage.alice)
                #expect(released.code == 0, "\(what): \(released.errors)")
            }
            #expect(try stage.machine().instances == 1, "\(what)")
        }
        #expect(try stage.violations() == [], "\(what), after all was put back")
    }
}

/// Everybody in ml may do with instances of his own what he likes; root may do everything.
enum ScenePolicy {
    static let text = """
        {
          "version": 1,
          "allow": [
            { "id": "ml", "who": { "groups": ["ml"] },
              "actions": ["read.own", "request", "renew.own", "release.own", "gi.create", "gi.destroy.own", "ci.create",
                          "ci.destroy.own"] },
            { "id": "auditors", "who": { "groups": ["auditors"] }, "actions": ["read.own", "read.all", "audit.read"] },
            { "id": "root", "who": { "users": ["root"] },
              "actions": ["read.own", "read.all", "request", "renew.any", "release.own", "release.any", "gi.create",
                          "gi.destroy.own", "gi.destroy.any", "ci.create", "ci.destroy.own", "ci.destroy.any",
                          "mode.set", "audit.read", "policy.read", "policy.reload"] }
          ]
        }
        """
}

extension Stage {
    /// All GPU instances that the simulator's own tool shows.
    func gpuInstances() throws -> [JSONValue] {
        try (machine().value["gpus"]?.arrayValue ?? []).flatMap { $0["instances"]?.arrayValue ?? [] }
    }
}
