import Glibc
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// An event as the library's struct of 32 bytes has it, the device by its index.
private struct Event: Hashable {
    let gpu: UInt
    let type: UInt64
    let data: UInt64
    let gi: UInt32
    let ci: UInt32

    static let none = UInt32.max

    static func xid(_ code: UInt64, gpu: UInt = 0, gi: UInt32 = none, ci: UInt32 = none) -> Event {
        Event(gpu: gpu, type: 8, data: code, gi: gi, ci: ci)
    }

    static func change(gpu: UInt = 0) -> Event { Event(gpu: gpu, type: 0x100, data: 0, gi: none, ci: none) }
}

extension DriverLibrary {
    /// A set that waits for kinds of event on GPUs.
    fileprivate func eventSet(_ types: UInt, gpus: [UInt] = [0]) throws -> UInt {
        let set = try get("nvmlEventSetCreate")
        for gpu in gpus {
            try require("nvmlDeviceRegisterEvents", try get("nvmlDeviceGetHandleByIndex_v2", gpu), types, set)
        }
        return set
    }

    /// The next event of a set, or nil where none comes.
    fileprivate func wait(_ set: UInt, milliseconds: UInt) throws -> Event? {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 8)
        defer { bytes.deallocate() }
        let code = try call("nvmlEventSetWait_v2", set, UInt(bitPattern: bytes.baseAddress), milliseconds)
        if code == .timeout { return nil }
        guard code == .success else { throw code }
        return Event(
            gpu: try get("nvmlDeviceGetIndex", bytes.load(as: UInt.self)),
            type: bytes.load(fromByteOffset: 8, as: UInt64.self),
            data: bytes.load(fromByteOffset: 16, as: UInt64.self),
            gi: bytes.load(fromByteOffset: 24, as: UInt32.self), ci: bytes.load(fromByteOffset: 28, as: UInt32.self))
    }

    /// All events of a set that are there or come within a moment.
    fileprivate func waitForAll(_ set: UInt) throws -> [Event] {
        var events: [Event] = []
        while let event = try wait(set, milliseconds: 20) { events.append(event) }
        return events
    }
}

@Suite(
    .enabled(
        if: BuiltProducts.has("SimulatedNVML") && BuiltProducts.has("migsim"), "needs the built library and migsim"))
struct `Events of a machine` {
    /// In a process of its own, whose threads nobody else wants. Others may start long after it.
    private static func wait(for path: String) throws {
        for _ in 0..<120_000 where !Files.exists(path) { Clock.sleep(milliseconds: 5) }
        guard Files.exists(path) else { throw StageError(what: "\(path) did not come") }
    }

    /// Makes and destroys a slice: four changes of the first GPU's configuration.
    private static func change(_ machine: Machine) throws {
        let instance = try machine.createInstance(
            gpu: 0, profile: GPUInstanceProfileID(9), at: Placement(start: 0, size: 4))
        let compute = try machine.createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
        let ids = ["--gi", "\(instance.id)", "--ci", "\(compute.id)"]
        try raise(machine.layout.directory, ["31", "--gpu", "0"] + ids)
        try raise(machine.layout.directory, ["94", "--gpu", "0", "--gi", "\(instance.id)"])
        try machine.destroyCompute(gpu: 0, in: instance.id, compute.id, serial: compute.serial)
        try machine.destroyInstance(gpu: 0, instance.id, serial: instance.serial)
    }

    private static func raise(_ machine: String, _ words: [String]) throws {
        let command = try Command.run(BuiltProducts.path(of: "migsim"), ["xid", machine] + words)
        guard command.code == 0 else { throw StageError(what: command.errors) }
    }

    @Test func `each of several processes gets each event once, whether it waits just then or not`() async throws {
        let test = try TestMachine(library: TestMachine.library)
        let path = test.path
        try await withThrowingTaskGroup { group in
            // No more: of those whose end a test awaits, each keeps one of its few threads.
            for number in 0..<2 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = path as String, number = number as Int] in
                        let library = try DriverLibrary(of: path)
                        let set = try library.eventSet(0x108, gpus: [0, 1])
                        try Files.write("\(path)/ready.\(number)", [])
                        // The first waits all the time, the other makes it happen and looks then.
                        if number == 1 {
                            try `Events of a machine`.wait(for: "\(path)/ready.0")
                            try `Events of a machine`.change(try Machine(directory: path))
                            try `Events of a machine`.raise(path, ["79", "--gpu", "1"])
                            try Files.write("\(path)/done", [])
                        }
                        let first = number == 0 ? try library.wait(set, milliseconds: 20_000) : nil
                        try `Events of a machine`.wait(for: "\(path)/done")
                        let events = [first].compactMap(\.self) + (try library.waitForAll(set))
                        #expect(
                            events.filter { $0.type == 8 } == [
                                .xid(31, gi: 1, ci: 0), .xid(94, gi: 1), .xid(79, gpu: 1),
                            ])
                        #expect(events.filter { $0.type == 0x100 } == Array(repeating: .change(), count: 4))
                        #expect(try library.wait(set, milliseconds: 0) == nil)
                        // What is older than a set is none of its events.
                        #expect(try library.waitForAll(try library.eventSet(0x108)).isEmpty)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `a set gets the kinds and the GPUs that it waits for, once however often it was told`() async throws {
        let test = try TestMachine(library: TestMachine.library)
        let path = test.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let library = try DriverLibrary(of: path)
            let machine = try Machine(directory: path)
            let errors = try library.eventSet(8, gpus: [0, 0])
            let changes = try library.eventSet(0x100, gpus: [0, 0])
            let other = try library.eventSet(0x108, gpus: [1])
            let nothing = try library.eventSet(0)
            let later = try library.eventSet(0x100)
            try machine.raise(Xid(gpu: 0, code: 13))
            _ = try machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
            try library.require(
                "nvmlDeviceRegisterEvents", try library.get("nvmlDeviceGetHandleByIndex_v2", 0), 8, later)
            try machine.raise(Xid(gpu: 0, code: 45))
            #expect(try library.waitForAll(errors) == [.xid(13), .xid(45)])
            #expect(try library.waitForAll(changes) == [.change()])
            #expect(try library.waitForAll(other).isEmpty)
            #expect(try library.waitForAll(nothing).isEmpty)
            #expect(Set(try library.waitForAll(later)) == [.xid(45), .change()])
        }
    }

    @Test func `a MIG device cannot be waited on, nor a kind that there is not, nor a driver that is gone`()
        async throws
    {
        let test = try TestMachine(library: TestMachine.library)
        let path = test.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let library = try DriverLibrary(of: path)
            let machine = try Machine(directory: path)
            let gpu = try library.get("nvmlDeviceGetHandleByIndex_v2", 0)
            let instance = try library.get("nvmlDeviceCreateGpuInstance", gpu, 9)
            _ = try library.get("nvmlGpuInstanceCreateComputeInstance", instance, 2)
            let device = try library.get("nvmlDeviceGetMigDeviceHandleByIndex", gpu, 0)
            let set = try library.get("nvmlEventSetCreate")
            #expect(try library.call("nvmlDeviceRegisterEvents", device, 8, set) == .notSupported)
            #expect(try library.call("nvmlDeviceRegisterEvents", gpu, 1 << 40, set) == .notSupported)
            #expect(try library.call("nvmlDeviceRegisterEvents", gpu, 8, set + 1) == .invalidArgument)
            let supported = try library.get("nvmlDeviceGetSupportedEventTypes", gpu)
            #expect(supported & 0x108 == 0x108)
            try library.require("nvmlDeviceRegisterEvents", gpu, 8, set)
            try Thread(named: "unloader") {
                Clock.sleep(milliseconds: 50)
                try? machine.reload()
            }.detach()
            #expect(throws: DriverCode.gpuIsLost) { try library.wait(set, milliseconds: 20_000) }
        }
    }

    @Test func `who hears late misses the oldest of very many errors, and no other`() throws {
        let test = try TestMachine()
        let before = try test.machine.xids().count
        for code in 1...1200 { try test.machine.raise(Xid(gpu: code % 2, code: UInt32(code))) }
        var codes: [UInt32] = []
        var first = before
        let log = try test.reopened().xids()
        while let next = log.next(of: 0, from: first) {
            codes.append(next.xid.code)
            first = next.number + 1
        }
        #expect(codes == Array(stride(from: 202, through: 1200, by: 2)))
    }

    @Test(
        arguments: [
            (["31"], 2, "missing --gpu N"), (["0", "--gpu", "0"], 2, "'0' is no good"),
            (["x", "--gpu", "0"], 2, "'x' is no good"), (["31", "--gpu", "32"], 2, "a number from 0 to 31"),
            (["31", "--gpu", "0", "--ci", "0"], 2, "missing --gi G"),
            (["31", "--gpu", "2"], 1, "there is no GPU 2 on"),
            (["31", "--gpu", "0", "--gi", "1"], 1, "no GPU 0 GI 1 on"),
            (["31", "--gpu", "0", "--gi", "2", "--ci", "1"], 1, "no GPU 0 GI 2 CI 1 on"),
        ] as [([String], Int32, String)])
    func `an error of what is not there is refused`(words: [String], code: Int32, message: String) throws {
        let test = try TestMachine()
        // The upper half.
        _ = try test.machine.createInstance(
            gpu: 0, profile: GPUInstanceProfileID(9), at: Placement(start: 4, size: 4))
        let command = try Command.run(BuiltProducts.path(of: "migsim"), ["xid", test.path] + words)
        #expect(command.code == code && command.errors.contains(message), "\(command.errors)")
        #expect(try test.machine.xids().count == 0)
    }
}
