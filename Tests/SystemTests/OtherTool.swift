import JSON
import Linux
import TestSupport
import Testing

/// The unmodified PyPI package nvidia-ml-py, which knows nothing of the broker.
enum OtherTool {
    static let interpreter: String? = {
        let candidates = [CurrentProcess.environment("MIGBROKER_PYTHON"), "python3"].compactMap(\.self)
        return candidates.first { (try? Command.run($0, ["-c", "import pynvml"]))?.code == 0 }
    }()

    fileprivate static let script =
        Files.parent(of: Files.parent(of: Files.parent(of: #filePath))) + "/Tests/python/other_tool.py"
}

extension Stage {
    /// Takes steps of `other_tool.py` as root.
    ///
    /// - Returns: the number of what the last step made.
    @discardableResult
    func otherTool(_ steps: [String]) throws -> Int64 {
        let python = try #require(OtherTool.interpreter)
        let done = try run(
            [python, OtherTool.script] + steps, as: Stage.root, environment: ["LD_LIBRARY_PATH=\(machine)/lib"])
        guard done.code == 0 else { throw StageError(what: "\(steps): \(done.errors)") }
        return done.output.split(separator: "\n").last.flatMap { Int64($0) } ?? 0
    }

    /// Waits until another tool's changes are on record, each of the words in one record, which the issue wants within
    /// five seconds.
    func expectChanges(_ daemon: KeptProcess, since began: Int64, _ words: [String], _ what: String) throws {
        try daemon.waitUntil("\(what) \(words) is on record") {
            let reasons = try records("external-change").compactMap { $0["reason"]?.stringValue }
            return words.allSatisfy { word in reasons.contains { $0.hasPrefix(what) && $0.contains(word) } }
        }
        #expect((Clock.monotonic() - began) / 1_000_000_000 < 5)
    }

    /// Waits until the broker has looked over the driver twice more.
    func waitForLooks(_ daemon: KeptProcess) throws {
        // It looks every two seconds, and tells nobody of a look that finds nothing.
        Clock.sleep(milliseconds: 4500)
        #expect(try daemon.poll() == nil)
    }

    /// Waits until a call has met the one fault that is armed.
    func waitForFault(_ change: KeptProcess) throws {
        try change.waitUntil("the call hangs") {
            try machine().value["faults"]?.arrayValue?.first?["times"]?.integerValue == 0
        }
    }

    /// The number of the GPU instance of a person's first lease.
    func leasedInstance(of person: Person) throws -> Int64? {
        try objects(["leases"], "leases", as: person).first?["gi"]?.integerValue
    }

    /// The compute instances that the simulator's own tool shows in the GPU instances of a number.
    func compute(in gi: Int64) throws -> [JSONValue] {
        try gpuInstances().filter { $0["gi"]?.integerValue == gi }
            .flatMap { $0["computeInstances"]?.arrayValue ?? [] }
    }

    /// What the broker says of a GPU instance.
    func listed(_ gi: Int64) throws -> JSONValue? {
        try objects(["instances", "--all"], "instances", as: Stage.root).first { $0["gi"]?.integerValue == gi }
    }

    /// The nodes of instances that no lease has, with their modes.
    func externalNodes() throws -> [String: UInt32] {
        let leases = try objects(["leases", "--all"], "leases", as: Stage.root)
        let seats = leases.compactMap { $0["gi"]?.integerValue }
        let own = leases.flatMap { $0["uuids"]?.arrayValue ?? [] }
        var found: [String: UInt32] = [:]
        for instance in try gpuInstances() {
            let foreign = (instance["computeInstances"]?.arrayValue ?? []).filter { compute in
                compute["uuid"].map { !own.contains($0) } ?? true
            }
            let isForeign = instance["gi"]?.integerValue.map { !seats.contains($0) } ?? true
            for minor in ((isForeign ? [instance] : []) + foreign).compactMap({ $0["node"]?.integerValue }) {
                let name = "nvidia-cap\(minor)"
                found[name] = try Files.attributes("\(machine)/dev/nvidia-caps/\(name)").mode
            }
        }
        return found
    }

    /// The node of the compute instance at one slice of a GPU instance, with its mode, without the broker's help.
    func externalNodesOfSeat(_ gi: Int64, at slice: Int64) throws -> [String: UInt32] {
        let compute = try compute(in: gi).first { $0["placement"]?["start"]?.integerValue == slice }
        let name = "nvidia-cap\(compute?["node"]?.integerValue ?? -1)"
        return [name: try Files.attributes("\(machine)/dev/nvidia-caps/\(name)").mode]
    }

    /// What is not as it must be, but for the nodes of instances of other tools: those are the tools' business.
    func violationsOfOthersApart(instances: Int = 0) throws -> [String] {
        let nodes = try externalNodes().keys
        return try violations(external: instances...instances).filter { problem in
            !nodes.contains { problem.hasPrefix("\($0) has mode") }
        }
    }
}
