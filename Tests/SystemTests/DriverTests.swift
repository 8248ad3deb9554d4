import Audit
import JSON
import Linux
import SimulatedMachine
import TestSupport
import Testing

/// A driver that fails, lies, hangs or dies in the middle of an operation.
@Suite("A driver that fails", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct DriverTests {
    /// Every code but success; by default the first and every fifth after it, and those that mean something special.
    static let codes = DriverCode.all.dropFirst().enumerated().filter { position, code in
        CrashTests.isCampaign || position % 5 == 0 || [.inUse, .gpuIsLost, .driverNotLoaded, .unknown].contains(code)
    }.map(\.element)

    @Test(arguments: ["nvmlDeviceCreateGpuInstanceWithPlacement", "nvmlGpuInstanceCreateComputeInstance"])
    func `a create ends with the driver's code and leaves nothing`(_ call: String) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000"])
        for code in Self.codes {
            try stage.fault([call, code.name, "--times", "1"])
            let refused = try stage.migctl(["request", "2g.10gb"], as: Stage.alice)
            #expect(refused.code == 1, "\(code): \(refused.errors)")
            let story = try AuditStory(of: stage.auditDirectory)
            let outcome = try #require(story.records.last { $0.type == .outcome })
            #expect(outcome.nvml == Int64(code.rawValue))
            #expect(outcome.result == (call.contains("Compute") ? .undone : .failed))
            #expect(try stage.machine().instances == 0)
            #expect(try stage.violations() == [], "\(code)")
        }
        #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 0)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test(arguments: ["nvmlComputeInstanceDestroy", "nvmlGpuInstanceDestroy"])
    func `a release that fails keeps the lease for another try`(_ call: String) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000"])
        for code in Self.codes {
            #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 0)
            try stage.fault([call, code.name])
            let refused = try stage.migctl(["release", "--all"], as: Stage.alice)
            #expect(refused.code == (code == .inUse ? 5 : 1), "\(code): \(refused.errors)")
            let lease = try #require(try stage.objects(["leases"], "leases", as: Stage.alice).first)
            // Without its compute instance a slice can only be ended.
            #expect(lease["state"]?.stringValue == (call.contains("Compute") ? "active" : "ending"), "\(code)")
            try stage.fault(["--clear"])
            try stage.settle(daemon, "\(code)")
            // The broker may have been faster: it tries again of itself.
            if try !stage.leases(of: Stage.alice).isEmpty {
                #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
            }
            #expect(try stage.machine().instances == 0)
        }
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test func `an end that broke off is taken up by the next start`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let first = try stage.startDaemon()
        #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 0)
        try stage.fault(["nvmlGpuInstanceDestroy", "UNKNOWN"])
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 1)
        first.end()
        try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
        try stage.fault(["--clear"])
        let second = try stage.startDaemon()
        try second.waitUntil("the rest is gone") { try stage.machine().instances == 0 }
        try second.waitUntil("the lease is gone") { try stage.leases(of: Stage.alice).isEmpty }
        #expect(try stage.violations() == [])
    }

    /// One call fails, or all do from one on: what became of the operation is what its answer says, without a restart.
    @Test(arguments: CrashTests.Operation.allCases, [true, false])
    func `at any call`(_ operation: CrashTests.Operation, once: Bool) throws {
        let stride = CrashTests.isCampaign ? 1 : once ? 6 : 20
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=1000", "--limit", "retrySeconds=1"])
        var number = 0
        var leftovers = 0
        while true {
            if operation == .release {
                #expect(try stage.migctl(["request", "1g.5gb", "2g.10gb"], as: Stage.alice).code == 0)
            }
            try stage.fault(["*", "GPU_IS_LOST", "--after", "\(number)"] + (once ? ["--times", "1"] : []))
            let reply = try stage.migctl(operation.arguments, as: Stage.alice)
            let isUnused = try stage.machine().value["faults"]?.arrayValue?.first?["after"]?.integerValue != 0
            try stage.fault(["--clear"])
            try daemon.waitUntil("the driver answers again") {
                try stage.migctl(["--dry-run", "request", "1g.5gb"], as: Stage.bob).code == 0
            }
            // A driver that is gone cannot take anything back; it is done when the driver is there again.
            if reply.errors.contains("left behind") {
                #expect(!once, "call \(number): \(reply.errors)")
                leftovers += 1
            }
            try stage.settle(daemon, "call \(number): \(reply.errors)")
            let left = try stage.leases(of: Stage.alice).count
            switch operation {
            case .create: #expect(left == (reply.code == 0 ? 2 : 0), "call \(number): \(reply.errors)")
            case .release: #expect(reply.code != 0 || left == 0, "call \(number)")
            }
            if left > 0 { #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0) }
            #expect(try stage.machine().instances == 0, "call \(number): \(reply.errors)")
            if isUnused { break }
            number += stride
        }
        let how = once ? "at one call" : "from one call on, \(leftovers) times with something left behind"
        CrashTests.tell("\(operation.rawValue): driver failing at calls 0 to \(number), \(how)")
        #expect(number > 20)
    }

    @Test func `what cannot be taken back is named, listed without a lease, and tried again`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let first = try stage.startDaemon()
        try stage.fault(["nvmlGpuInstanceCreateComputeInstance", "UNKNOWN"])
        try stage.fault(["nvmlGpuInstanceDestroy", "INVALID_STATE"])
        let refused = try stage.migctl(["request", "2g.10gb"], as: Stage.alice)
        #expect(refused.code == 1)
        #expect(refused.errors.contains("nvmlGpuInstanceCreateComputeInstance failed"))
        #expect(refused.errors.contains("left behind: GPU instance"))
        let outcome = try #require(try AuditStory(of: stage.auditDirectory).records.last { $0.type == .outcome })
        #expect(outcome.result == .leftBehind)
        #expect(outcome.reason?.contains("left behind: GPU instance") == true)
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.violations(external: 1...1) == [])
        let instances = try stage.objects(["instances", "--all"], "instances", as: Stage.root)
        #expect(instances.count == 1)
        #expect(instances.first?["lease"]?.stringValue == nil)
        // It is taken back when the driver does it, and a start between changes nothing.
        first.end()
        let second = try stage.startDaemon()
        #expect(try stage.violations(external: 1...1) == [])
        try stage.fault(["--clear"])
        try second.waitUntil("it is taken back") { try stage.machine().instances == 0 }
        try stage.settle(second, "taken back")
        let story = try AuditStory(of: stage.auditDirectory)
        #expect(story.records.contains { $0.type == .recovered && $0.result == .undone && $0.op == outcome.op })
        #expect(story.leftBehind.isEmpty)
    }

    @Test(arguments: [
        "nvmlDeviceCreateGpuInstanceWithPlacement", "nvmlGpuInstanceCreateComputeInstance",
        "nvmlComputeInstanceDestroy", "nvmlGpuInstanceDestroy",
    ])
    func `success without a deed is found out`(_ call: String) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let isEnd = call.contains("Destroy")
        if isEnd { #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 0) }
        try stage.fault([call, "SUCCESS"])
        let reply = try stage.migctl(isEnd ? ["release", "--all"] : ["request", "2g.10gb"], as: Stage.alice)
        #expect(reply.code == 1)
        #expect(reply.errors.contains("\(call) reported success, but"), "\(reply.errors)")
        #expect(try stage.leases(of: Stage.alice).count == (isEnd ? 1 : 0))
        try stage.fault(["--clear"])
        try stage.settle(daemon, reply.errors)
        if isEnd, try !stage.leases(of: Stage.alice).isEmpty {
            #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        }
        #expect(try stage.machine().instances == 0)
        #expect(try stage.violations() == [])
        _ = daemon
    }

    @Test(arguments: [
        "nvmlGpuInstanceCreateComputeInstance", "nvmlComputeInstanceDestroy", "nvmlGpuInstanceDestroy",
    ])
    func `a deed that is reported as a failure leaves nothing without an owner`(_ call: String) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let isEnd = call.contains("Destroy")
        if isEnd { #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 0) }
        try stage.fault([call, "UNKNOWN", "--late", "--times", "1"])
        let reply = try stage.migctl(isEnd ? ["release", "--all"] : ["request", "2g.10gb"], as: Stage.alice)
        #expect(reply.code == 1 || isEnd, "\(reply.errors)")
        try stage.settle(daemon, reply.errors)
        if isEnd, try !stage.leases(of: Stage.alice).isEmpty {
            #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        }
        try daemon.waitUntil("nothing is left") { try stage.machine().instances == 0 }
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.violations() == [])
    }

    @Test(arguments: ["nvmlDeviceCreateGpuInstanceWithPlacement", "nvmlGpuInstanceCreateComputeInstance"])
    func `a library that crashes takes no lease and leaves no instance`(_ call: String) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let first = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        try stage.fault([call, "--crash"])
        #expect(try stage.migctl(["request", "2g.10gb"], as: Stage.alice).code == 9)
        #expect(try first.waitForEnd() == .signalled(11))
        try stage.fault(["--clear"])
        let second = try stage.startDaemon()
        #expect(try stage.leases(of: Stage.bob).count == 1)
        #expect(try stage.leases(of: Stage.alice) == [])
        #expect(try stage.machine().instances == 1)
        #expect(try stage.violations() == [])
        _ = second
    }

    @Test func `reads are answered while a call hangs`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        try stage.fault(["nvmlGpuInstanceCreateComputeInstance", "--delay", "6000"])
        let request = try stage.start(
            ["\(stage.path)/bin/migctl", "--root", stage.broker, "request", "2g.10gb"], as: Stage.alice)
        try request.waitUntil("the call hangs") { try stage.machine().instances == 2 }
        for verb in ["leases", "gpus", "profiles", "instances", "devices", "whoami"] {
            #expect(try stage.migctl([verb], as: Stage.bob, seconds: 1).code == 0, "\(verb)")
        }
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave, seconds: 1).code == 0)
        #expect(try request.poll() == nil, "the reads were to be answered while it hangs")
        #expect(try request.waitForEnd() == .exited(0))
        #expect(try stage.violations() == [])
        _ = daemon
    }
}

extension Stage {
    /// Arms a fault of the simulated driver.
    func fault(_ words: [String]) throws {
        let armed = try migsim("fault", words)
        guard armed.code == 0 else { throw StageError(what: armed.errors) }
    }

    /// Waits until the broker has looked at the driver again, and all is as it must be.
    func settle(_ daemon: KeptProcess, _ what: String) throws {
        var found: [String] = []
        do {
            try daemon.waitUntil("all is well") {
                found = try violations()
                return found.isEmpty
            }
        } catch {
            throw StageError(what: "\(what): \(error): \(found)")
        }
    }
}
