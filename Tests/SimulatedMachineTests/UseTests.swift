import JSON
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

@Suite(
    .enabled(if: !Python.isMissing, "needs a python that imports pynvml (MIGBROKER_PYTHON) and the built library"),
    .enabled(if: BuiltProducts.has("migsim"), "needs the built migsim"))
struct `What the GPUs of a machine are used for` {
    private static let none = Int64(UInt32.max)

    private static func use(of machine: String) throws -> [JSONValue] {
        try #require(try Python.run("read_use.py", on: machine)["gpus"]?.arrayValue)
    }

    private static func numbers(_ value: JSONValue?) -> [Int64?] { value?.arrayValue?.map(\.integerValue) ?? [] }

    private static func rows(_ value: JSONValue?) -> [[Int64?]] { value?.arrayValue?.map(numbers) ?? [] }

    /// Holds every spelling of the list against what is to be in it: process, MiB, GPU instance, compute instance.
    private static func expect(_ shown: JSONValue, lists wanted: [(KeptProcess, Int64, Int64, Int64)]) {
        let rows = wanted.map { [Int64($0.0.pid), $0.1 << 20, $0.2, $0.3] }.sorted { $0[0] < $1[0] }
        #expect(Self.rows(shown["compute"]?["_v3"]) == rows)
        #expect(Self.rows(shown["compute"]?["_v2"]) == rows)
        #expect(Self.rows(shown["compute"]?[""]) == rows.map { Array($0.prefix(2)) })
        #expect(Self.rows(shown["details"]) == rows)
        #expect(numbers(shown["counted"]) == [rows.isEmpty ? 0 : 7, Int64(rows.count)])
        #expect(shown["names"]?.arrayValue?.map(\.stringValue) == rows.map { _ in "sleep" })
        for spelling in ["", "_v2", "_v3"] { #expect(shown["graphics"]?[spelling] == .array([])) }
    }

    /// Total, used and free of a device, in MiB.
    private static func memory(_ shown: JSONValue) -> [Int64?] { numbers(shown["memory"]).map { $0.map { $0 >> 20 } } }

    @Test func `a process shows on the GPU and on its own device, and memory is the GPU instance's`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let machine = test.machine
        func made(_ profile: UInt32, _ compute: UInt32...) throws -> [(UInt32, SimulatedGPU.Compute)] {
            let instance = try machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(profile), at: nil)
            return try compute.map { id in
                let made = try machine.createCompute(
                    gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(id), at: nil)
                return (instance.id.rawValue, made)
            }
        }
        let shared = try made(9, 0, 0)
        let alone = try made(14, 1)
        func start(_ device: (UInt32, SimulatedGPU.Compute), _ memory: Int) throws -> KeptProcess {
            try hold(machine, device.1.uuid.description, ["--memory", String(memory)])
        }
        let (first, second, third) = (try start(shared[0], 100), try start(shared[1], 200), try start(alone[0], 300))
        let (big, small) = (Int64(shared[0].0), Int64(alone[0].0))
        var gpu = try #require(try Self.use(of: test.path).first)
        Self.expect(gpu, lists: [(first, 100, big, 0), (second, 200, big, 1), (third, 300, small, 0)])
        #expect(Self.memory(gpu) == [40960, 600, 40360])
        // The order of devices is that of the ids: 3g.20gb is GI 2 here, 2g.10gb GI 3.
        var devices = try #require(gpu["devices"]?.arrayValue)
        #expect(devices.count == 3)
        Self.expect(devices[0], lists: [(first, 100, big, 0)])
        Self.expect(devices[1], lists: [(second, 200, big, 1)])
        Self.expect(devices[2], lists: [(third, 300, small, 0)])
        #expect(devices.map(Self.memory) == [[20096, 300, 19796], [20096, 300, 19796], [9984, 300, 9684]])
        second.end()
        gpu = try #require(try Self.use(of: test.path).first)
        devices = try #require(gpu["devices"]?.arrayValue)
        Self.expect(gpu, lists: [(first, 100, big, 0), (third, 300, small, 0)])
        #expect(Self.memory(gpu) == [40960, 400, 40560])
        Self.expect(devices[1], lists: [])
        #expect(devices.map(Self.memory) == [[20096, 100, 19996], [20096, 100, 19996], [9984, 300, 9684]])
        for child in [first, third] { child.end() }
        gpu = try #require(try Self.use(of: test.path).first)
        Self.expect(gpu, lists: [])
        #expect(Self.memory(gpu) == [40960, 0, 40960])
    }

    @Test func `a process on a whole GPU has no instance`() throws {
        let test = try TestMachine([.h100, .a100], isMIGEnabled: false, library: TestMachine.library)
        let uuid = try test.machine.state().gpus[1].uuid.description
        let child = try hold(test.machine, uuid, ["--memory", "1024"])
        let gpus = try Self.use(of: test.path)
        Self.expect(gpus[0], lists: [])
        Self.expect(gpus[1], lists: [(child, 1024, Self.none, Self.none)])
        #expect(Self.memory(gpus[1]) == [40960, 1024, 39936])
        child.end()
    }

    @Test func `the window on the bus is divided as the memory is`() throws {
        let test = try TestMachine([.a100, .h100], library: TestMachine.library)
        for (gpu, profiles) in [(0, [9, 14, 19]), (1, [0])] as [(Int, [UInt32])] {
            for id in profiles {
                let instance = try test.machine.createInstance(gpu: gpu, profile: GPUInstanceProfileID(id), at: nil)
                let whole = try #require(try test.machine.state().gpus[gpu].profile(of: instance)?.wholeCompute)
                _ = try test.machine.createCompute(
                    gpu: gpu, in: instance.id, serial: instance.serial, profile: whole.id, at: nil)
            }
        }
        let gpus = try Self.use(of: test.path)
        func window(_ shown: JSONValue) -> [Int64?] { Self.numbers(shown["window"]).map { $0.map { $0 >> 20 } } }
        #expect(gpus.map(window) == [[65536, 0], [131072, 0]])
        #expect(gpus[0]["devices"]?.arrayValue?.map(window) == [[32767, 0], [16383, 0], [8191, 0]])
        #expect(gpus[1]["devices"]?.arrayValue?.map(window) == [[131072, 0]])
    }
}
