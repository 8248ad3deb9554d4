import JSON
import Linux
import TestSupport

/// Policies for who makes and destroys instances himself.
enum InstancePolicy {
    /// What somebody needs to make instances and do away with his own.
    static let makers = [
        "read.own", "request", "renew.own", "release.own", "gi.create", "gi.destroy.own", "ci.create",
        "ci.destroy.own",
    ]
    static let everything =
        makers + [
            "read.all", "renew.any", "release.any", "gi.destroy.any", "ci.destroy.any", "mode.set", "audit.read",
            "policy.read", "policy.reload",
        ]

    /// Alice and bob make instances, dave sets modes and ends nobody's lease, carol may nothing, root everything.
    static let usual = text(["alice": makers, "bob": makers, "dave": ["read.own", "read.all", "mode.set"]])

    /// These rights for these users, each in a rule of its own that `more` may narrow, and everything for root.
    static func text(_ rights: [String: [String]], more: String = "", limits: String = "") -> String {
        let rules = rights.sorted { $0.key < $1.key }.map { user, actions in rule(user, actions, more) }
        let all = (rules + [rule("root", everything)]).joined(separator: ", ")
        return #"{ "version": 1, "allow": [\#(all)], "limits": [\#(limits)] }"#
    }

    private static func rule(_ user: String, _ actions: [String], _ more: String = "") -> String {
        let list = actions.map { "\"\($0)\"" }.joined(separator: ", ")
        return #"{ "id": "\#(user)-may", "who": { "users": ["\#(user)"] }, "actions": [\#(list)]\#(more) }"#
    }
}

extension Stage {
    /// Runs the client with a line of words.
    func migctl(_ line: String, as person: Person) throws -> Command {
        try migctl(line.split(separator: " ").map(String.init), as: person)
    }

    /// The GPUs as the simulator's own tool shows them.
    func gpus() throws -> [JSONValue] { try machine().value["gpus"]?.arrayValue ?? [] }

    /// All GPU instances as the simulator's own tool shows them.
    func seen() throws -> [JSONValue] { try gpus().flatMap { $0["instances"]?.arrayValue ?? [] } }

    /// The profiles of all GPU instances, in order.
    func profiles() throws -> [String] { try seen().compactMap { $0["profile"]?.stringValue }.sorted() }

    /// The node of an instance that `seen` shows, or of a compute instance in it.
    func node(_ instance: JSONValue) -> String {
        "\(machine)/dev/nvidia-caps/nvidia-cap\(instance["node"]?.integerValue ?? -1)"
    }

    /// Whether MIG mode is on, and whether it would be after a reset, for each GPU.
    func modes() throws -> [[Bool?]] {
        try gpus().map { [$0["mig"]?["current"]?.boolValue, $0["mig"]?["pending"]?.boolValue] }
    }

    /// Puts another policy in force.
    func reload(_ policy: String) throws {
        try Files.replace(self.policy, with: Array(policy.utf8), mode: 0o644)
        let answer = try exchange(Stage.call("ReloadPolicy"), as: Stage.root)
        guard answer.reply != nil else { throw StageError(what: "\(answer)") }
    }

    /// What another tool does behind the broker's back, through the driver's library: `gi PROFILE`, `ci GI PROFILE`,
    /// `mode 0` or `persistence 1`.
    func otherTool(_ line: String) throws {
        let script = """
            import sys
            from ctypes import CDLL, c_uint, c_void_p, byref
            nvml = CDLL(sys.argv[1])
            device, gi, ci, status = c_void_p(), c_void_p(), c_void_p(), c_uint()
            def call(name, *arguments):
                code = getattr(nvml, name)(*arguments)
                if code: sys.exit(f"{name}: {code}")
            call("nvmlInit_v2")
            call("nvmlDeviceGetHandleByIndex_v2", c_uint(0), byref(device))
            verb, numbers = sys.argv[2], [c_uint(int(word)) for word in sys.argv[3:]]
            if verb == "gi": call("nvmlDeviceCreateGpuInstance", device, numbers[0], byref(gi))
            if verb == "ci":
                call("nvmlDeviceGetGpuInstanceById", device, numbers[0], byref(gi))
                call("nvmlGpuInstanceCreateComputeInstance", gi, numbers[1], byref(ci))
            if verb == "mode": call("nvmlDeviceSetMigMode", device, numbers[0], byref(status))
            if verb == "persistence": call("nvmlDeviceSetPersistenceMode", device, numbers[0])
            """
        let words = line.split(separator: " ").map(String.init)
        let ran = try run(["python3", "-c", script, "\(machine)/lib/libnvidia-ml.so.1"] + words, as: Stage.root)
        guard ran.code == 0 else { throw StageError(what: ran.errors) }
    }

    /// A stand-in for a CUDA process, on a MIG device or on a whole GPU.
    func hold(_ device: String, as person: Person) throws -> KeptProcess {
        let holder = try start(
            ["\(path)/bin/migsim", "hold", machine, "--device", device, "--", "sleep", "1000"], as: person)
        try holder.waitUntil("the process holds the device") {
            try machine().value["processes"]?.arrayValue?.isEmpty == false
        }
        return holder
    }
}
