import Audit
import JSON
import Linux
import MIG
import TestSupport

/// The audit log as the only witness: what was begun, what ended, and who must hold what by its word.
struct AuditStory {
    /// One instance of one operation.
    struct Member: Hashable {
        let operation: OperationID
        let lease: LeaseID
    }

    private(set) var intents: [Member: AuditRecord] = [:]
    private(set) var endings: [Member: [AuditRecord]] = [:]
    /// By the log's word, created and not ended.
    private(set) var leases: Set<LeaseID> = []
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
        guard let operation = record.op, let lease = record.lease else { return }
        let member = Member(operation: operation, lease: lease)
        switch record.type {
        case .intent:
            if intents.updateValue(record, forKey: member) != nil { problems.append("intent \(operation) twice") }
            if record.gi == nil { promised.insert(lease) }
        case .outcome, .recovered:
            guard let intent = intents[member] else {
                return problems.append("\(record.type.rawValue) \(operation) without an intent")
            }
            if record.result == .leftBehind { leftBehind.insert(member) } else { leftBehind.remove(member) }
            guard record.result != .leftBehind else { break }
            endings[member, default: []].append(record)
            guard intent.gi == nil else { break }
            promised.remove(lease)
            if record.type == .outcome, record.result == .ok { leases.insert(lease) }
        case .leaseEnd:
            if leases.remove(lease) == nil { problems.append("lease \(lease) ends without having begun") }
        default: break
        }
        most = max(most, leases.count + promised.count)
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

        let instances = try machine().value["gpus"]?.arrayValue?.flatMap { gpu in
            (gpu["instances"]?.arrayValue ?? []).map {
                "\(gpu["uuid"]?.stringValue ?? "")/\($0["gi"]?.integerValue ?? -1)"
            }
        }
        let seats = leases.map { "\($0["gpu"]?["uuid"]?.stringValue ?? "")/\($0["gi"]?.integerValue ?? -1)" }
        // What is left behind was made at one time and not taken back.
        let orphans = Set(instances ?? []).subtracting(seats)
        if !external.contains(orphans.count) { problems.append("instances without a lease: \(orphans)") }
        let lost = Set(seats).subtracting(instances ?? [])
        if !lost.isEmpty { problems.append("leases without an instance: \(lost)") }
        return try problems + wrongNodes(leases)
    }

    /// Nodes of GPU and compute instances that are not as the leases say.
    private func wrongNodes(_ leases: [JSONValue]) throws -> [String] {
        var wanted: [String: UserID] = [:]
        let devices = try objects(["devices", "--all"], "devices", as: Stage.root)
        for lease in leases where lease["state"]?.stringValue == "active" {
            let device = devices.first { $0["lease"]?.stringValue == lease["id"]?.stringValue }
            let nodes = (device?["nodes"]?.arrayValue ?? []).compactMap(\.stringValue).filter { $0.contains("caps") }
            guard nodes.count == 2, let uid = lease["uid"]?.integerValue else { return ["no device for \(lease)"] }
            for node in nodes { wanted[machine + node] = UserID(UInt32(uid)) }
        }
        var problems: [String] = []
        for name in try Files.list("\(machine)/dev/nvidia-caps") {
            // The first two are the driver's own, mig/config and mig/monitor.
            guard name != "nvidia-cap1", name != "nvidia-cap2" else { continue }
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
