import JSON
import Linux
import TestSupport

/// A policy whose limits end the processes that are left at a lease's end.
enum KillPolicy {
    static let text = LabPolicy.text.replacing(#""renewals": 3"#, with: #""renewals": 3, "onExpiry": "kill""#)
}

extension Stage {
    /// Where the service that ends processes listens.
    var ender: String { "\(broker)/run/migbroker/ender" }

    /// Starts the real service that ends processes; it ends with the value returned.
    func startEnder() throws -> KeptProcess {
        let service = try start(["\(path)/bin/migbrokerd", "--root", broker, "--end-processes"], as: Stage.root)
        let path = ender
        try service.waitUntil("the service listens") { (try? EnderConnection(to: path, milliseconds: 1000)) != nil }
        return service
    }

    /// A stand-in for a CUDA process on a person's only slice. The command becomes `sleep` in the end.
    func hold(
        sliceOf owner: Person, as person: Person, _ command: [String] = ["sleep", "1000"]
    ) throws -> KeptProcess {
        guard let device = try objects(["devices"], "devices", as: owner).first?["uuid"]?.stringValue else {
            throw StageError(what: "\(owner.name) has no device")
        }
        let holder = try start(
            ["\(path)/bin/migsim", "hold", machine, "--device", device, "--"] + command, as: person)
        try holder.waitUntil("the process holds the slice") {
            try machine().holders.contains(Int64(holder.pid))
        }
        // What runs now is the command, not the tool that started it.
        try holder.waitUntil("the command runs") {
            String(decoding: try Files.read("/proc/\(holder.pid)/comm"), as: UTF8.self) == "sleep\n"
        }
        return holder
    }

    /// The signals on record, as `TERM 4242`, in order.
    func signals() throws -> [String] {
        try records("revoke").compactMap { record in
            guard let words = record["params"]?.stringValue?.split(separator: " "), words.count >= 2 else { return nil }
            return words.prefix(2).map { String($0.drop { $0 != "=" }.dropFirst()) }.joined(separator: " ")
        }
    }

    func leaseState(of person: Person) throws -> String? {
        try objects(["leases"], "leases", as: person).first?["state"]?.stringValue
    }

    /// The reasons of health records that contain a text.
    func health(_ text: String) throws -> [String] {
        try records("health").compactMap { $0["reason"]?.stringValue }.filter { $0.contains(text) }
    }
}

extension MachineView {
    /// The pids of the processes on its GPUs and instances.
    fileprivate var holders: [Int64] { (value["processes"]?.arrayValue ?? []).compactMap { $0["pid"]?.integerValue } }
}
