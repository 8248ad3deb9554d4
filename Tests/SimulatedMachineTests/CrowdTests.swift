import Glibc
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// What one of several processes does to a machine: instances made and destroyed as they come.
private func hammer(_ machine: Machine, rounds: Int) throws {
    for round in 0..<rounds {
        let gpu = round % 2
        let profile = GPUInstanceProfileID([19, 14, 9, 15][round % 4])
        do throws(MachineError) {
            let instance = try machine.createInstance(gpu: gpu, profile: profile, at: nil)
            let whole = try machine.state().gpus[gpu].model.profile(profile)?.wholeCompute
            let compute = try machine.createCompute(
                gpu: gpu, in: instance.id, serial: instance.serial, profile: whole?.id ?? ComputeInstanceProfileID(0),
                at: nil)
            try machine.destroyCompute(gpu: gpu, in: instance.id, compute.id, serial: compute.serial)
            try machine.destroyInstance(gpu: gpu, instance.id, serial: instance.serial)
        } catch {
            // The others may have taken all places; anything else is a fault of the machine.
            guard error.code == .insufficientResources else { throw error }
        }
    }
}

/// Every other kind of change that a process can be killed in.
private func churn(_ machine: Machine) throws {
    let state = try machine.state()
    for enabled in [false, true] { _ = try machine.setMode(gpu: 0, enabled: enabled) }
    try machine.changeFaults { $0 = [Fault(call: "nvmlInit", effect: .result(.inUse), times: 2)] }
    _ = try machine.meetFault(in: "nvmlInit_v2")
    try machine.changeFaults { $0 = [] }
    try machine.raise(Xid(gpu: 1, code: 13))
    guard let started = Holder.startTime(of: getpid()) else { return }
    // Instances that a killed process left would be in the way of a mode and of this.
    let gpu = state.gpus[0]
    let holder = Holder(pid: getpid(), started: started, gpu: gpu.uuid, instance: nil, memoryMiB: 1)
    if !gpu.mode.isEnabled { try machine.enter(holder) }
    try machine.reboot()
    // On a board that does not store it the mode is off now.
    _ = try machine.setMode(gpu: 1, enabled: true)
}

extension Machine {
    /// Whether no two instances overlap, and tree and nodes show what there is.
    func expectConsistency(_ when: String = "") throws {
        try mend()
        let state = try state()
        var serials: [UInt32] = []
        for gpu in state.gpus {
            let slices = gpu.instances.reduce(0) { $0 + $1.placement.size }
            #expect(gpu.occupied.nonzeroBitCount == slices, "\(when)")
            #expect(gpu.mode.isEnabled || gpu.instances.isEmpty, "\(when)")
            let tree = layout.instances(gpuMinor: gpu.minor)
            #expect(Files.exists(tree) == gpu.isAttached, "\(when)")
            let shown = gpu.isAttached ? try Files.list(tree) : []
            #expect(shown == gpu.instances.map { "gi\($0.id)" }.sorted(), "\(when)")
            for instance in gpu.instances {
                let inside = try Files.list(layout.capability(gpuMinor: gpu.minor, instance.id))
                #expect(inside == ["access"] + instance.computeInstances.map { "ci\($0.id)" }, "\(when)")
                serials += [instance.serial] + instance.computeInstances.map(\.serial)
            }
        }
        #expect(Set(serials).count == serials.count && serials.allSatisfy { $0 <= state.lastSerial }, "\(when)")
        try expectNodes(of: state, when)
    }

    /// Whether all nodes of a booted machine are there, and every capability node has the number in its name.
    ///
    /// One of an instance may be missing: programs make it, in passing, and where one was killed the next does.
    private func expectNodes(of state: MachineState, _ when: String) throws {
        let gpus = state.gpus.map { "nvidia\($0.minor)" }
        for name in ["nvidiactl", "nvidia-uvm", "nvidia-caps/nvidia-cap1", "nvidia-caps/nvidia-cap2"] + gpus {
            #expect(Files.exists("\(layout.dev)/\(name)"), "\(when): \(name)")
        }
        guard state.nodes == .device else { return }
        for name in try Files.list(layout.nodes) {
            let attributes = try Files.attributes("\(layout.nodes)/\(name)")
            let minor = try #require(UInt32(name.dropFirst("nvidia-cap".utf8.count)))
            #expect(attributes.kind == .characterDevice, "\(when): \(name)")
            #expect(
                attributes.device == DeviceNumber(major: state.majors.capabilities, minor: minor), "\(when): \(name)")
        }
    }
}

/// What one of a crowd does through the driver's library until its time is over: it makes a slice, looks at it and at
/// what the others have, and destroys it.
private struct Worker {
    let library: DriverLibrary
    let number: Int
    private(set) var slices = 0

    init(of machine: String, number: Int) throws {
        library = try DriverLibrary(of: machine)
        self.number = number
    }

    mutating func work(seconds: Int) throws {
        let end = Clock.monotonic() + Int64(seconds) * 1_000_000_000
        var round = number
        while Clock.monotonic() < end {
            let gpu = try library.get("nvmlDeviceGetHandleByIndex_v2", UInt(round % 2))
            // Which both models have; the compute profile that takes the whole of it.
            let (profile, compute): (UInt, UInt) = [(19, 0), (14, 1), (9, 2)][round % 3]
            do {
                try makeAndDestroy(gpu, profile, compute)
                slices += 1
            } catch let code as DriverCode where code == .insufficientResources {
                // The others have all places.
            }
            try readAll(gpu)
            round += 1
        }
    }

    private func makeAndDestroy(_ gpu: UInt, _ profile: UInt, _ computeProfile: UInt) throws {
        let instance = try library.get("nvmlDeviceCreateGpuInstance", gpu, profile)
        let before = try info("nvmlGpuInstanceGetInfo", of: instance)
        #expect(UInt(before[3]) == profile)
        let compute = try library.get("nvmlGpuInstanceCreateComputeInstance", instance, computeProfile)
        #expect(try info("nvmlComputeInstanceGetInfo_v2", of: compute)[4] == 0, "the id of the first one")
        let again = try library.get("nvmlDeviceGetGpuInstanceById", gpu, UInt(before[2]))
        #expect(again == instance)
        #expect(try info("nvmlGpuInstanceGetInfo", of: again) == before)
        #expect(try library.call("nvmlGpuInstanceDestroy", instance) == .inUse)
        try library.require("nvmlComputeInstanceDestroy", compute)
        try library.require("nvmlGpuInstanceDestroy", instance)
        #expect(try library.call("nvmlGpuInstanceDestroy", instance) == .notFound)
    }

    /// The words of a struct of information.
    private func info(_ function: String, of handle: UInt) throws -> [UInt32] {
        var words = [UInt32](repeating: 0, count: 8)
        let code = try words.withUnsafeMutableBufferPointer {
            try library.call(function, handle, UInt(bitPattern: $0.baseAddress))
        }
        guard code == .success else { throw code }
        return words
    }

    /// Whoever's instances there are: what is listed can be looked at, or is gone by then.
    private func readAll(_ gpu: UInt) throws {
        var handles = [UInt](repeating: 0, count: 8)
        let count = try handles.withUnsafeMutableBufferPointer {
            try library.get("nvmlDeviceGetGpuInstances", gpu, 19, UInt(bitPattern: $0.baseAddress))
        }
        #expect(count <= 7)
        for handle in handles.prefix(Int(count)) {
            do {
                #expect(try info("nvmlGpuInstanceGetInfo", of: handle)[3] == 19)
            } catch let code as DriverCode where code == .notFound {
                continue
            }
        }
        for index in 0..<UInt(7) {
            do {
                let device = try library.get("nvmlDeviceGetMigDeviceHandleByIndex", gpu, index)
                _ = try library.get("nvmlDeviceGetGpuInstanceId", device)
            } catch let code as DriverCode where code == .notFound {
                continue
            }
        }
    }
}

@Suite struct `Several processes on one machine` {
    static let isCampaign = CurrentProcess.environment("MIGBROKER_CAMPAIGN") != nil

    @Test(.enabled(if: BuiltProducts.has("SimulatedNVML"), "needs the built library"))
    func `sixteen that create, destroy and read keep one state`() async throws {
        let test = try TestMachine(library: TestMachine.library)
        let (path, seconds) = (test.path, Self.isCampaign ? 60 : 2)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<16 {
                group.addTask {
                    _ = await #expect(processExitsWith: .success) {
                        [path = path as String, number = number as Int, seconds = seconds as Int] in
                        try Files.write("\(path)/ready.\(number)", [])
                        let hasCome = { (0..<16).allSatisfy { Files.exists("\(path)/ready.\($0)") } }
                        for _ in 0..<6000 where !hasCome() { Clock.sleep(milliseconds: 10) }
                        var worker = try Worker(of: path, number: number)
                        try worker.work(seconds: seconds)
                        try Files.write("\(path)/slices.\(number)", Array("\(worker.slices)".utf8))
                    }
                }
            }
            // Whoever opens the machine meanwhile reads a state that the rules allow.
            group.addTask {
                // Ten minutes: one of them may have died.
                for _ in 0..<30_000 where !(0..<16).allSatisfy({ Files.exists("\(path)/slices.\($0)") }) {
                    for gpu in try Machine(directory: path).state().gpus {
                        #expect(gpu.instances.reduce(0) { $0 + $1.placement.size } == gpu.occupied.nonzeroBitCount)
                    }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            try await group.waitForAll()
        }
        let slices = try (0..<16).map { Int(try text("\(path)/slices.\($0)")) ?? 0 }
        if Self.isCampaign { print("campaign: \(slices.reduce(0, +)) slices by \(slices.sorted())") }
        #expect(slices.reduce(0, +) > 16)
        try test.reopened().expectConsistency()
        let gpus = try test.machine.state().gpus
        #expect(gpus.allSatisfy { $0.instances.isEmpty })
        // A GPU and a compute instance each, made and destroyed; the refused ones changed nothing.
        #expect(gpus.reduce(0) { $0 + Int($1.changes) } == 4 * slices.reduce(0, +))
    }

    @Test func `threads of one process exclude each other too`() async throws {
        let test = try TestMachine()
        let machine = test.machine
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 { group.addTask { try hammer(machine, rounds: 25) } }
            try await group.waitForAll()
        }
        try machine.expectConsistency()
        #expect(try machine.state().gpus.allSatisfy(\.instances.isEmpty))
    }

    @Test(arguments: isCampaign ? Array(1...60) : [1, 3, 7, 13, 20, 31])
    func `a process killed at any moment leaves it whole`(milliseconds: Int) async throws {
        let test = try TestMachine()
        let path = test.path
        await #expect(processExitsWith: .signal(9)) { [path = path as String, milliseconds = milliseconds as Int] in
            let machine = try Machine(directory: path)
            _ = try machine.state()
            try Thread(named: "reaper") {
                Clock.sleep(milliseconds: milliseconds)
                kill(getpid(), SIGKILL)
            }.detach()
            while true {
                try hammer(machine, rounds: milliseconds % 7)
                try churn(machine)
            }
        }
        // The next process finds the lock free and the state readable, and finishes what was begun.
        let next = try test.reopened()
        try next.expectConsistency()
        _ = (try next.faults(), try next.xids(), try next.holders())
        try next.reboot()
        for gpu in 0..<2 { _ = try next.setMode(gpu: gpu, enabled: true) }
        try hammer(next, rounds: 20)
        try next.expectConsistency()
    }

    @Test func `readers see whole states while others write`() async throws {
        let test = try TestMachine()
        let (machine, reader) = (test.machine, try test.reopened())
        try await withThrowingTaskGroup { group in
            group.addTask { try hammer(machine, rounds: 50) }
            group.addTask {
                for _ in 0..<1000 {
                    for gpu in try reader.state().gpus {
                        #expect(gpu.devices.allSatisfy { gpu.profile(of: $0.instance) != nil })
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
