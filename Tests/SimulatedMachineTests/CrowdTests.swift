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

extension Machine {
    /// Whether no two instances overlap and the capability tree shows exactly those that there are.
    fileprivate func expectConsistency() throws {
        try mend()
        for gpu in try state().gpus {
            let slices = gpu.instances.reduce(0) { $0 + $1.placement.size }
            #expect(gpu.occupied.nonzeroBitCount == slices)
            let shown = try Files.list(layout.instances(gpuMinor: gpu.minor))
            #expect(shown == gpu.instances.map { "gi\($0.id)" }.sorted())
            for instance in gpu.instances {
                let inside = try Files.list(layout.capability(gpuMinor: gpu.minor, instance.id))
                #expect(inside == ["access"] + instance.computeInstances.map { "ci\($0.id)" })
            }
        }
    }
}

@Suite struct `Several processes on one machine` {
    @Test func `four at once leave it whole and empty`() async throws {
        let test = try TestMachine()
        let path = test.path
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = path as String] in
                        try hammer(Machine(directory: path), rounds: 40)
                    }
                }
            }
        }
        try test.machine.expectConsistency()
        #expect(try test.machine.state().gpus.allSatisfy(\.instances.isEmpty))
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

    @Test(arguments: [1, 3, 7, 13, 20, 31])
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
            while true { try hammer(machine, rounds: 10) }
        }
        // The next process finds the lock free and the state readable, and finishes what was begun.
        let next = try test.reopened()
        try next.expectConsistency()
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
