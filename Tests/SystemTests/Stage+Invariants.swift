import Audit
import JSON
import Linux
import MIG
import TestSupport

/// The audit log as the only witness: what was begun, what ended, and who must hold what by its word.
struct AuditStory {
    /// One thing of one operation: a lease, a compute instance of a lease, another tool's instance, or a GPU's mode.
    ///
    /// An intent and its end agree in all of it, and no two intents of one operation do.
    struct Member: Hashable {
        let operation: OperationID
        let lease: LeaseID?
        let gpu: GPUUUID?
        let profile: String?
        let placement: Placement?
        /// Only where there is no lease: a lease's GPU instance has no number yet when it is intended.
        let instance: GPUInstanceID?

        init?(_ record: AuditRecord) {
            guard let operation = record.op, record.lease != nil || record.gpu != nil else { return nil }
            self.operation = operation
            lease = record.lease
            gpu = record.gpu
            profile = record.profile
            placement = record.placement
            instance = record.lease == nil ? record.gi : nil
        }
    }

    private(set) var intents: [Member: AuditRecord] = [:]
    private(set) var endings: [Member: [AuditRecord]] = [:]
    /// By the log's word, created and not ended.
    private(set) var leases: Set<LeaseID> = []
    /// The compute instances of each lease, by the log's word.
    private(set) var devices: [LeaseID: Set<MIGUUID>] = [:]
    /// The most instances that were promised or held at one moment.
    private(set) var most = 0
    private(set) var records: [AuditRecord] = []
    private(set) var problems: [String] = []
    private var promised: Set<LeaseID> = []
    /// Failed, and not taken back yet: that has its outcome, and another end to come.
    private(set) var leftBehind: Set<Member> = []

    /// Reads and verifies all files of a directory.
    init(of directory: String) throws {
        let files = try AuditSegments.list(in: directory)
        if case .broken(let file, let line, _, let fault) = try AuditVerifier.verify(files) {
            problems.append("\(file):\(line): \(fault)")
        }
        var story: [AuditRecord] = []
        let summary = try AuditReader(files).read(AuditFilter()) { entry, _ in
            story.append(entry.record)
            return true
        }
        if summary.badLines > 0 { problems.append("\(summary.badLines) lines of the log are no records") }
        records = story
        for record in story { take(record) }
        for (member, endings) in endings where endings.count > 1 {
            problems.append("operation \(member.operation) has \(endings.count) ends")
        }
    }

    /// Intents that have no end yet.
    var unfinished: [AuditRecord] {
        intents.filter { endings[$0.key] == nil && !leftBehind.contains($0.key) }.map(\.value)
    }

    private mutating func take(_ record: AuditRecord) {
        guard let member = Member(record) else { return }
        switch record.type {
        case .intent:
            if intents.updateValue(record, forKey: member) != nil {
                problems.append("intent \(member.operation) twice")
            }
            if record.gi == nil, let lease = record.lease { promised.insert(lease) }
        case .outcome, .recovered:
            guard let intent = intents[member] else {
                return problems.append("\(record.type.rawValue) \(member.operation) without an intent")
            }
            if record.result == nil { problems.append("\(record.type.rawValue) \(member.operation) has no result") }
            if record.result == .leftBehind { leftBehind.insert(member) } else { leftBehind.remove(member) }
            guard record.result != .leftBehind else { break }
            endings[member, default: []].append(record)
            guard let lease = record.lease else { break }
            if record.result == .ok { takeCompute(record, lease) }
            guard intent.gi == nil else { break }
            promised.remove(lease)
            if record.type == .outcome, record.result == .ok { leases.insert(lease) }
        case .leaseEnd:
            guard let lease = record.lease else { break }
            if leases.remove(lease) == nil { problems.append("lease \(lease) ends without having begun") }
            devices[lease] = nil
        case .externalChange:
            // Somebody else's hand took it from the lease.
            if let lease = record.lease, let device = record.device { devices[lease]?.remove(device) }
        default: break
        }
        most = max(most, leases.count + promised.count)
    }

    private mutating func takeCompute(_ record: AuditRecord, _ lease: LeaseID) {
        guard let device = record.device else { return }
        switch record.method {
        case "DestroyComputeInstances": devices[lease]?.remove(device)
        case "Request", "CreateGPUInstances", "CreateComputeInstances":
            if record.type == .outcome { devices[lease, default: []].insert(device) }
        default: break
        }
    }
}

extension Stage {
    /// Whatever is not as it must be while the daemon is up and idle, however it came to be; nothing where all is well.
    ///
    /// Instances have leases (but for `external` ones), leases have instances, the log tells the same story with an end
    /// for each intent, and a node is open to the lease's owner or to nobody.
    func violations(external: ClosedRange<Int> = 0...0, auditDirectory: String? = nil) throws -> [String] {
        let story = try AuditStory(of: auditDirectory ?? self.auditDirectory)
        var problems = story.problems
        problems += story.unfinished.map { "operation \($0.op?.description ?? "") has no end" }
        let leases = try objects(["leases", "--all"], "leases", as: Stage.root)
        let ids = Set(leases.compactMap { $0["id"]?.stringValue.flatMap { LeaseID($0) } })
        if ids != story.leases { problems.append("the daemon's leases are not the log's: \(ids) and \(story.leases)") }

        let instances = try instancesBySeat()
        let seats = leases.map(Self.seat)
        // What is left behind was made at one time and not taken back.
        let orphans = Set(instances.keys).subtracting(seats)
        if !external.contains(orphans.count) { problems.append("instances without a lease: \(orphans)") }
        let lost = Set(seats).subtracting(instances.keys)
        if !lost.isEmpty { problems.append("leases without an instance: \(lost)") }
        for lease in leases {
            let own = Set(lease["uuids"]?.arrayValue?.compactMap(\.stringValue) ?? [])
            let told = lease["id"]?.stringValue.flatMap { LeaseID($0) }.flatMap { story.devices[$0] } ?? []
            if own != Set(told.map(\.description)) {
                problems.append("the daemon's devices are not the log's: \(own) and \(told)")
            }
            let there = (instances[Self.seat(lease)]?["computeInstances"]?.arrayValue ?? [])
                .compactMap { $0["uuid"]?.stringValue }
            if lease["state"]?.stringValue == "active", !own.isSubset(of: there) {
                problems.append("a lease has \(own) where the machine has \(there)")
            }
        }
        return try problems + wrongNodes(leases, instances)
    }

    /// Where a lease is, as the keys of `instancesBySeat` tell it.
    private static func seat(_ lease: JSONValue) -> String {
        "\(lease["gpu"]?["uuid"]?.stringValue ?? "")/\(lease["gi"]?.integerValue ?? -1)"
    }

    /// The GPU instances that the simulator's own tool shows.
    private func instancesBySeat() throws -> [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        for gpu in try machine().value["gpus"]?.arrayValue ?? [] {
            for instance in gpu["instances"]?.arrayValue ?? [] {
                found["\(gpu["uuid"]?.stringValue ?? "")/\(instance["gi"]?.integerValue ?? -1)"] = instance
            }
        }
        return found
    }

    /// Nodes of GPU and compute instances that are not as the leases say: a lease's GPU instance is open to its owner,
    /// also while there is nothing in it, and of what is in it that which belongs to the lease.
    private func wrongNodes(_ leases: [JSONValue], _ instances: [String: JSONValue]) throws -> [String] {
        var wanted: [String: UserID] = [:]
        // What belongs to another tool is that tool's to open.
        var foreign: Set<String> = []
        let own = leases.flatMap { $0["uuids"]?.arrayValue ?? [] }
        let seats = Set(leases.map(Self.seat))
        for (seat, instance) in instances {
            let compute = (instance["computeInstances"]?.arrayValue ?? []).filter {
                $0["uuid"].map(own.contains) != true
            }
            for other in (seats.contains(seat) ? [] : [instance]) + compute {
                foreign.insert("nvidia-cap\(other["node"]?.integerValue ?? -1)")
            }
        }
        for lease in leases where lease["state"]?.stringValue == "active" {
            guard let instance = instances[Self.seat(lease)], let uid = lease["uid"]?.integerValue else { continue }
            let own = lease["uuids"]?.arrayValue ?? []
            let compute = (instance["computeInstances"]?.arrayValue ?? [])
                .filter { $0["uuid"].map(own.contains) ?? false }
            for minor in ([instance] + compute).compactMap({ $0["node"]?.integerValue }) {
                wanted["\(machine)/dev/nvidia-caps/nvidia-cap\(minor)"] = UserID(UInt32(uid))
            }
        }
        var problems: [String] = []
        for name in try Files.list("\(machine)/dev/nvidia-caps") {
            // The first two are the driver's own, mig/config and mig/monitor.
            guard name != "nvidia-cap1", name != "nvidia-cap2", !foreign.contains(name) else { continue }
            let path = "\(machine)/dev/nvidia-caps/\(name)"
            let mode = try Files.attributes(path).mode
            let list = try AccessACL.read(path)
            let readers = (list?.entries ?? []).compactMap { entry -> UserID? in
                if case .user(let user) = entry.subject { user } else { nil }
            }
            let isRight = wanted[path].map { mode == 0o440 && readers == [$0] } ?? (mode == 0o400 && list == nil)
            if !isRight { problems.append("\(name) has mode \(String(mode, radix: 8)) and readers \(readers)") }
        }
        return problems
    }
}
