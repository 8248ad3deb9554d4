import Audit
import JSON
import Linux
import SimulatedMachine
import TestSupport
import Testing

/// A driver that fails, lies, hangs or dies in the middle of a change of instances or modes.
@Suite(
    "A driver that fails at instances and modes", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .serialized)
struct InstanceFaultTests {
    /// An operation and the call at which it is made to fail, after so many of them.
    struct Point: Sendable, CustomTestStringConvertible {
        let operation: InstanceOperation
        let call: String
        var after = 0
        var testDescription: String { "\(operation.rawValue) at \(call) \(after)" }
    }

    static let points = [
        Point(operation: .giCreate, call: "nvmlDeviceCreateGpuInstanceWithPlacement", after: 1),
        Point(operation: .giCreateReady, call: "nvmlGpuInstanceCreateComputeInstance", after: 1),
        Point(operation: .giDestroy, call: "nvmlComputeInstanceDestroy"),
        Point(operation: .giDestroy, call: "nvmlGpuInstanceDestroy", after: 1),
        Point(operation: .ciCreate, call: "nvmlGpuInstanceCreateComputeInstanceWithPlacement", after: 1),
        Point(operation: .ciDestroy, call: "nvmlComputeInstanceDestroy", after: 1),
        Point(operation: .modeEnable, call: "nvmlDeviceSetMigMode", after: 1),
        Point(operation: .modeDisable, call: "nvmlDeviceSetMigMode", after: 1),
    ]

    static let codes = CrashTests.isCampaign ? DriverTests.codes : [.inUse, .gpuIsLost, .driverNotLoaded, .unknown]

    @Test(arguments: points) func `it ends with the driver's code and nothing leaks`(_ point: Point) throws {
        let scene = try InstanceScene(point.operation)
        for code in Self.codes {
            try scene.prepare()
            // Only one: what a whole operation began is taken back.
            let times = ["--after", "\(point.after)", "--times", "1"]
            // A GPU instance that is in use is asked again for a while.
            let isPatient = point.call.contains("GpuInstanceDestroy") && code == .inUse
            try scene.stage.fault([point.call, code.name] + (isPatient ? Array(times.prefix(2)) : times))
            let refused = try scene.act()
            try scene.stage.fault(["--clear"])
            // What is to be made is not in use.
            let isBusy = code == .inUse && !point.call.contains("Create")
            #expect(refused.code == (isBusy ? 5 : 1), "\(code): \(refused.errors)")
            #expect(refused.errors.contains(point.call) || code == .driverNotLoaded, "\(code): \(refused.errors)")
            let outcome = try #require(
                try AuditStory(of: scene.stage.auditDirectory).records.last {
                    $0.type == .outcome && $0.nvml == Int64(code.rawValue)
                }, "\(code)")
            #expect(outcome.error != nil)
            try scene.settle("\(code)")
            try scene.expectTruth(refused.code, "\(code)")
            try scene.cleanUp("\(code)")
        }
    }

    /// One call fails, or all do from one on: what became of the operation is what its answer says, without a restart.
    @Test(arguments: InstanceOperation.allCases, [true, false])
    func `at any call`(_ operation: InstanceOperation, once: Bool) throws {
        let stride = CrashTests.isCampaign ? (once ? 1 : 3) : once ? 29 : 97
        let scene = try InstanceScene(operation)
        var number = 0
        var leftovers = 0
        while true {
            try scene.prepare()
            try scene.stage.fault(["*", "GPU_IS_LOST", "--after", "\(number)"] + (once ? ["--times", "1"] : []))
            let reply = try scene.act()
            let isUnused =
                try scene.stage.machine().value["faults"]?.arrayValue?.first?["after"]?.integerValue != 0
            try scene.stage.fault(["--clear"])
            let what = "call \(number): \(reply.code) \(reply.errors)"
            let isLeft = reply.errors.contains("left behind")
            if isLeft {
                #expect(!once, "\(what)")
                leftovers += 1
            }
            try scene.settle(what)
            // A mode that could not be set back is nobody's to be taken back later.
            try scene.expectTruth(reply.code, mayBePartial: operation.isMode && isLeft, what)
            try scene.cleanUp(what)
            if isUnused { break }
            number += stride
        }
        let how = once ? "at one call" : "from one call on, \(leftovers) times with something left behind"
        CrashTests.tell("\(operation.rawValue): driver failing at calls 0 to \(number), \(how)")
        #expect(number > 20)
    }

    @Test(arguments: points) func `success without a deed is found out`(_ point: Point) throws {
        let scene = try InstanceScene(point.operation)
        try scene.prepare()
        try scene.stage.fault([point.call, "SUCCESS", "--after", "\(point.after)"])
        let reply = try scene.act()
        #expect(reply.code == 1)
        #expect(reply.errors.contains("\(point.call) reported success, but"), "\(reply.errors)")
        try scene.stage.fault(["--clear"])
        try scene.settle(reply.errors)
        let isLeft = reply.errors.contains("left behind")
        try scene.expectTruth(1, mayBePartial: point.operation.isMode && isLeft, reply.errors)
        try scene.cleanUp(reply.errors)
    }

    @Test(arguments: points) func `a library that crashes loses no lease`(_ point: Point) throws {
        let scene = try InstanceScene(point.operation)
        try scene.prepare()
        try scene.stage.fault([point.call, "--crash", "--after", "\(point.after)"])
        #expect(try scene.act().code == 9)
        #expect(try scene.daemon.waitForEnd() == .signalled(11))
        try scene.stage.fault(["--clear"])
        try scene.restart()
        try scene.settle("restarted")
        try scene.expectTruth(9, isDead: true, mayBePartial: point.operation.isMode, "restarted")
        try scene.cleanUp("restarted")
    }

    @Test(arguments: points) func `reads are answered while a call hangs`(_ point: Point) throws {
        let scene = try InstanceScene(point.operation)
        let stage = scene.stage
        try scene.prepare()
        try stage.fault([point.call, "--delay", "3000", "--times", "1", "--after", "\(point.after)"])
        let change = try stage.start(
            ["\(stage.path)/bin/migctl", "--root", stage.broker] + point.operation.arguments,
            as: point.operation.person)
        try change.waitUntil("the call hangs") {
            try stage.machine().value["faults"]?.arrayValue?.first?["times"]?.integerValue == 0
        }
        for verb in ["leases", "gpus", "profiles", "instances", "devices", "whoami"] {
            #expect(try stage.migctl([verb], as: Stage.bob, seconds: 1).code == 0, "\(verb)")
        }
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave, seconds: 1).code == 0)
        #expect(try change.poll() == nil, "the reads were to be answered while it hangs")
        #expect(try change.waitForEnd() == .exited(0))
        try stage.fault(["--clear"])
        try scene.settle("it went on")
        try scene.expectTruth(0, "it went on")
        try scene.cleanUp("it went on")
    }

    @Test func `compute instances that cannot be taken back are named, and taken back later`() throws {
        let scene = try InstanceScene(.ciCreate)
        try scene.prepare()
        try scene.stage.fault(["nvmlGpuInstanceCreateComputeInstanceWithPlacement", "UNKNOWN", "--after", "2"])
        try scene.stage.fault(["nvmlComputeInstanceDestroy", "INVALID_STATE"])
        let refused = try scene.act()
        #expect(refused.code == 1)
        #expect(refused.errors.contains("left behind: compute instance"), "\(refused.errors)")
        let outcomes = try AuditStory(of: scene.stage.auditDirectory).records.filter {
            $0.type == .outcome && $0.result == .leftBehind
        }
        #expect(outcomes.count == 3)
        // They are nobody's: in no lease, and closed to the owner of their GPU instance.
        #expect(try scene.computeInstances() == 2)
        let lease = try #require(try scene.stage.objects(["leases"], "leases", as: Stage.alice).first)
        #expect(lease["uuids"]?.arrayValue?.count ?? 0 == 0)
        #expect(try scene.stage.violations() == [])
        // A start between changes nothing of it.
        scene.daemon.end()
        try scene.restart()
        #expect(try scene.stage.violations() == [])
        #expect(try scene.computeInstances() == 2)
        try scene.stage.fault(["--clear"])
        try scene.daemon.waitUntil("they are taken back") { try scene.computeInstances() == 0 }
        try scene.settle("taken back")
        try scene.cleanUp("taken back")
    }

    @Test func `a mode that cannot be set back is named`() throws {
        let scene = try InstanceScene(.modeEnable)
        try scene.stage.fault(["nvmlDeviceSetMigMode", "UNKNOWN", "--after", "1"])
        let refused = try scene.act()
        #expect(refused.code == 1)
        #expect(refused.errors.contains("left behind: MIG mode enabled on GPU 0"), "\(refused.errors)")
        try scene.stage.fault(["--clear"])
        #expect(try scene.changedModes() == 1)
        let outcomes = try AuditStory(of: scene.stage.auditDirectory).records.filter { $0.type == .outcome }
        #expect(outcomes.map(\.result) == [.failed, .failed])
        #expect(outcomes.allSatisfy { $0.reason?.contains("left behind") == true })
        try scene.settle("left behind")
        // It was the broker itself, and no other tool.
        #expect(try scene.stage.records("external-change").isEmpty)
        try scene.cleanUp("left behind")
    }

    @Test func `leases that a change of modes ended are ended, also where the mode then fails`() throws {
        let scene = try InstanceScene(.modeDisable)
        let stage = scene.stage
        #expect(try stage.migctl(["request", "--gpu", "0", "3g.20gb"], as: Stage.alice).code == 0)
        try stage.fault(["nvmlDeviceSetMigMode", "UNKNOWN", "--after", "1", "--times", "1"])
        let refused = try scene.act()
        #expect(refused.code == 1, "\(refused.errors)")
        try stage.fault(["--clear"])
        try scene.settle(refused.errors)
        #expect(try scene.changedModes() == 0)
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.machine().instances == 0)
        #expect(try stage.records("lease-end").last?["reason"]?.stringValue == "mode-change")
    }
}
