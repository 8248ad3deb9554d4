import Audit
import JSON
import Linux
import MIG
import TestSupport
import Testing

/// The daemon is killed at one point after another of a change of instances or modes, and started again each time.
///
/// What is killed is undone, told or completed as after a kill in a create or a release; see `CrashTests`.
@Suite(
    "A daemon killed at instances and modes", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .serialized)
struct InstanceCrashTests {
    @Test(arguments: InstanceOperation.allCases)
    func `at a driver call`(_ operation: InstanceOperation) throws {
        let theatre = try InstanceTheatre(operation)
        var number = 0
        while try theatre.isStruck(at: .driverCall(number)) { number += CrashTests.isCampaign ? 1 : 37 }
        let words = "\(theatre.struck) kills at driver calls 0 to \(number), \(theatre.underWay) after the intent"
        CrashTests.tell("\(operation.rawValue): \(words)")
        #expect(theatre.struck > 1 && (!CrashTests.isCampaign || theatre.underWay > 1))
    }

    @Test(.enabled(if: KillPoint.obstacle == nil, "\(KillPoint.obstacle ?? "")"), arguments: InstanceOperation.allCases)
    func `before a system call`(_ operation: InstanceOperation) throws {
        let theatre = try InstanceTheatre(operation)
        for call in CrashTests.isCampaign ? ["write", "fdatasync", "lsetxattr", "openat"] : ["fdatasync", "lsetxattr"] {
            var number = 1
            while try theatre.isStruck(at: .before(call, number)) { number += CrashTests.isCampaign ? 1 : 2 }
            CrashTests.tell("\(operation.rawValue): kills before \(call) 1 to \(number)")
            #expect(number > 1 || operation.isMode && call != "fdatasync")
        }
    }

    @Test(.enabled(if: KillPoint.obstacle == nil, "\(KillPoint.obstacle ?? "")"), arguments: InstanceOperation.allCases)
    func `after a system call`(_ operation: InstanceOperation) throws {
        let theatre = try InstanceTheatre(operation)
        for call in CrashTests.isCampaign ? ["write", "fdatasync", "lsetxattr"] : ["fdatasync"] {
            var number = 1
            while try theatre.isStruck(at: .after(call, number)) { number += 1 }
            CrashTests.tell("\(operation.rawValue): \(number - 1) kills after \(call)")
            #expect(number > 1 || operation.isMode && call == "lsetxattr")
        }
    }

    /// The next start is killed too, again and again, while it puts things in order.
    @Test(arguments: [InstanceOperation.giCreateReady, .giDestroy, .ciCreate, .ciDestroy])
    func `at its work, and again in every recovery`(_ operation: InstanceOperation) throws {
        let theatre = try InstanceTheatre(operation)
        // The call that does the work, so that there is something to put in order.
        for after in 0..<(CrashTests.isCampaign ? 3 : 1) {
            guard try theatre.isStruckAtWork(after: after, recoveryKills: CrashTests.isCampaign ? 2 : 23) else { break }
        }
        CrashTests.tell("\(operation.rawValue): \(theatre.struck) kills, and \(theatre.struckAgain) in recoveries")
        #expect(theatre.struckAgain > 1)
    }

    /// Of a request's three outcomes the first or the first two are whole, or none is.
    @Test func `and its last write torn`() throws {
        let theatre = try InstanceTheatre(.ciCreate)
        try theatre.tear(every: CrashTests.isCampaign ? 23 : 211)
    }
}

/// A stage on which one operation is struck at point after point.
final class InstanceTheatre {
    private let scene: InstanceScene
    private(set) var struck = 0
    /// Those kills that came after the intent and before the outcome.
    private(set) var underWay = 0
    private(set) var struckAgain = 0

    private var stage: Stage { scene.stage }
    private var operation: InstanceOperation { scene.operation }

    init(_ operation: InstanceOperation) throws { scene = try InstanceScene(operation) }

    /// Strikes at one point and looks at what the next start makes of it.
    ///
    /// - Returns: false where the operation came to its end without meeting the point.
    func isStruck(at point: KillPoint) throws -> Bool {
        try scene.prepare()
        let records = try AuditStory(of: stage.auditDirectory).records.count
        let strike = try stage.strike(scene.daemon, at: point, operation.arguments, as: operation.person)
        guard strike.isDead else {
            #expect(strike.code == 0, "\(point): \(strike.words)")
            try scene.expectTruth(strike.code, "\(point)")
            try scene.cleanUp("\(point)")
            return false
        }
        try restart(strike.code, records, "\(point)")
        return true
    }

    /// Strikes at a call that does the work, and then at the calls of each start after it.
    func isStruckAtWork(after: Int, recoveryKills stride: Int) throws -> Bool {
        let call =
            switch operation {
            case .ciCreate: "nvmlGpuInstanceCreateComputeInstanceWithPlacement"
            case .giCreateReady: "nvmlGpuInstanceCreateComputeInstance"
            default: "nvmlComputeInstanceDestroy"
            }
        try scene.prepare()
        let records = try AuditStory(of: stage.auditDirectory).records.count
        try stage.fault([call, "--kill", "--after", "\(after)"])
        let reply = try scene.act()
        try stage.fault(["--clear"])
        guard reply.code == 9 else {
            try scene.cleanUp("\(call) \(after)")
            return false
        }
        #expect(try scene.daemon.waitForEnd() == .signalled(9))
        for number in Swift.stride(from: 0, to: 10_000, by: stride) {
            try stage.fault(["*", "--kill", "--after", "\(number)"])
            scene.daemon = try stage.startDaemon(InstanceScene.options, waitForSocket: false)
            while try scene.daemon.poll() == nil {
                if try stage.migctl(["whoami"], as: Stage.root).code == 0 { break }
            }
            let isUp = try scene.daemon.poll() == nil
            scene.daemon.end()
            try stage.fault(["--clear"])
            if isUp { break }
            struckAgain += 1
        }
        try restart(reply.code, records, "\(call) \(after)")
        return true
    }

    private func restart(_ code: Int32, _ records: Int, _ what: String) throws {
        struck += 1
        if try !AuditStory(of: stage.auditDirectory).unfinished.isEmpty { underWay += 1 }
        // Every other start has nothing but the log.
        if struck.isMultiple(of: 2) { try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json") }
        try scene.restart()
        #expect(try stage.violations() == [], "\(what)")
        try scene.settle(what)
        try scene.expectTruth(code, isDead: true, mayBePartial: operation.isMode, what)
        try expectModesAreTold(since: records, what)
        #expect(try stage.records("external-change").isEmpty, "\(what)")
        try scene.cleanUp(what)
    }

    /// A change of modes that broke off is neither finished nor undone, but told as it is.
    private func expectModesAreTold(since records: Int, _ what: String) throws {
        guard operation.isMode else { return }
        let gpus = try stage.machine().value["gpus"]?.arrayValue ?? []
        let story = try AuditStory(of: stage.auditDirectory).records.dropFirst(records)
        for record in story where record.type == .recovered {
            let gpu = gpus.first { $0["uuid"]?.stringValue == record.gpu?.description }
            let isDone = gpu?["mig"]?["current"]?.boolValue == (operation == .modeEnable)
            #expect(record.result == (isDone ? .ok : .failed), "\(what)")
        }
    }

    /// Cuts the log within its last write, and starts on it.
    func tear(every step: Int) throws {
        var cuts = 0
        var cut = 1
        while true {
            try scene.prepare()
            #expect(try scene.act().code == 0)
            scene.daemon.end()
            try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
            let path = try #require(try AuditSegments.list(in: stage.auditDirectory).last)
            let bytes = try Files.read(path)
            let starts = bytes.indices.filter { $0 == 0 || bytes[$0 - 1] == UInt8(ascii: "\n") }.suffix(3)
            guard let first = starts.first, cut < bytes.count - first else { break }
            let file = try Files.open(path, .write)
            try file.truncate(to: Int64(bytes.count - cut))
            try scene.restart()
            try scene.settle("\(cut) bytes cut off")
            try scene.expectTruth(9, isDead: true, "\(cut) bytes cut off")
            #expect(try scene.computeInstances() == 0, "\(cut) bytes cut off")
            try scene.cleanUp("\(cut) bytes cut off")
            cuts += 1
            cut += step
        }
        CrashTests.tell("\(cuts) torn outcomes of compute instances")
        #expect(cuts > 2)
    }
}
