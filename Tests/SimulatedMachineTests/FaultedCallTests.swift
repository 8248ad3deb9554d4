import Glibc
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// Why a function meets no fault.
private let exceptions = ["nvmlErrorString": "it asks no driver and returns no code"]

/// Faults as programs meet them: through the built library, in a process of their own.
@Suite(.enabled(if: BuiltProducts.has("SimulatedNVML"), "needs the built library"))
struct `Calls that fail as scripted` {
    /// Memory for arguments to point to, in which a write shows.
    private struct Bystander: ~Copyable {
        private let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)

        init() { bytes.initializeMemory(as: UInt8.self, repeating: 0xA5) }
        deinit { bytes.deallocate() }

        var word: UInt { UInt(bitPattern: bytes.baseAddress) }
        var isUntouched: Bool { bytes.allSatisfy { $0 == 0xA5 } }
    }

    @Test(.enabled(if: Command.exists("nm"), "needs nm"))
    func `every exported function returns a scripted code, early or late, and writes nothing before`() async throws {
        let test = try TestMachine(library: TestMachine.library)
        let path = test.path
        let functions = try DriverLibrary.functions(of: path)
        #expect(functions.count >= 90 && functions.contains("nvmlInternalGetExportTable"))
        await #expect(processExitsWith: .success) { [path = path as String, functions = functions as [String]] in
            let machine = try Machine(directory: path)
            let library = try DriverLibrary(of: path)
            for function in functions where exceptions[function] == nil {
                for code in [DriverCode.success, .timeout] {
                    let bystander = Bystander()
                    let word = bystander.word
                    try machine.changeFaults { $0 = [Fault(call: function, effect: .result(code))] }
                    #expect(try library.call(function, word, word, word, word, word) == code, "\(function)")
                    // It claims in its status that the mode is active.
                    #expect(bystander.isUntouched || function == "nvmlDeviceSetMigMode", "\(function)")
                }
                // Without arguments there is little work, but it comes before the code.
                try machine.changeFaults { $0 = [Fault(call: function, effect: .result(.timeout), isLate: true)] }
                #expect(try library.call(function) == .timeout, "\(function)")
                try machine.changeFaults { $0 = [] }
                if function == "nvmlShutdown" { try library.require("nvmlInit_v2") }
            }
        }
    }

    @Test func `a late fault reports as failed what was done`() async throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let path = test.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let machine = try Machine(directory: path)
            let library = try DriverLibrary(of: path)
            let gpu = try library.get("nvmlDeviceGetHandleByIndex_v2", 0)
            try machine.changeFaults { $0 = [Fault(call: "*", effect: .result(.unknown), isLate: true)] }
            var instance: UInt = 0
            let made = try withUnsafeMutablePointer(to: &instance) {
                try library.call("nvmlDeviceCreateGpuInstance", gpu, 9, UInt(bitPattern: $0))
            }
            #expect(made == .unknown && instance != 0)
            #expect(try machine.state().gpus[0].instances.count == 1)
            #expect(try library.call("nvmlGpuInstanceCreateComputeInstance", instance, 2) == .unknown)
            #expect(try machine.state().gpus[0].devices.isEmpty, "there was no place for its handle")
            #expect(try library.call("nvmlGpuInstanceDestroy", instance) == .unknown)
            #expect(try machine.state().gpus[0].instances.isEmpty)
            // What the work came to is not told.
            #expect(try library.call("nvmlGpuInstanceDestroy", instance) == .unknown)
            // The session is over all the same.
            #expect(try library.call("nvmlShutdown") == .unknown)
            #expect(try library.call("nvmlShutdown") == .uninitialized)
            #expect(try library.call("nvmlInit_v2") == .unknown)
            try machine.changeFaults { $0 = [] }
            try library.require("nvmlShutdown")
        }
    }

    @Test(.enabled(if: CurrentProcess.user == .root, "needs root: only it may set the mode"))
    func `a mode is changed and reported as unchanged`() async throws {
        let test = try TestMachine([.h100], library: TestMachine.library)
        let path = test.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let machine = try Machine(directory: path)
            let library = try DriverLibrary(of: path)
            let gpu = try library.get("nvmlDeviceGetHandleByIndex_v2", 0)
            let fault = Fault(call: "nvmlDeviceSetMigMode", effect: .result(.unknown), isLate: true)
            try machine.changeFaults { $0 = [fault] }
            var status: UInt = 77
            let code = try withUnsafeMutablePointer(to: &status) {
                try library.call("nvmlDeviceSetMigMode", gpu, 0, UInt(bitPattern: $0))
            }
            #expect(code == .unknown && UInt32(truncatingIfNeeded: status) == 0)
            #expect(try !machine.state().gpus[0].mode.isEnabled)
        }
    }

    @Test func `a destroy that is reported and was not done, and one that stops half way, leave what they leave`()
        async throws
    {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let path = test.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let machine = try Machine(directory: path)
            let library = try DriverLibrary(of: path)
            let gpu = try library.get("nvmlDeviceGetHandleByIndex_v2", 0)
            let instance = try library.get("nvmlDeviceCreateGpuInstance", gpu, 9)
            let compute = try library.get("nvmlGpuInstanceCreateComputeInstance", instance, 2)
            try machine.changeFaults {
                $0 = [
                    Fault(call: "nvmlComputeInstanceDestroy", effect: .result(.success), times: 1),
                    Fault(call: "nvmlGpuInstanceDestroy", effect: .result(.inUse), durationMilliseconds: 200),
                ]
            }
            try library.require("nvmlComputeInstanceDestroy", compute)
            #expect(try machine.state().gpus[0].devices.count == 1)
            // Both go as one to whoever wants rid of a slice: the compute instance is gone, the GPU instance stays.
            try library.require("nvmlComputeInstanceDestroy", compute)
            #expect(try library.call("nvmlGpuInstanceDestroy", instance) == .inUse)
            #expect(try machine.state().gpus[0].devices.isEmpty)
            #expect(try machine.state().gpus[0].instances.count == 1)
            // For a while after the last client left, as real drivers do; then it lets go.
            while try library.call("nvmlGpuInstanceDestroy", instance) == .inUse { Clock.sleep(milliseconds: 5) }
            #expect(try machine.state().gpus[0].instances.isEmpty)
        }
    }

    @Test(arguments: [false, true])
    func `a process that dies in a call has done its work where it dies late`(isLate: Bool) async throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let path = test.path
        await #expect(processExitsWith: .signal(9)) { [path = path as String, isLate = isLate as Bool] in
            let library = try DriverLibrary(of: path)
            let gpu = try library.get("nvmlDeviceGetHandleByIndex_v2", 0)
            try Machine(directory: path).changeFaults {
                $0 = [Fault(call: "nvmlDeviceCreateGpuInstance", effect: .kill, isLate: isLate)]
            }
            _ = try library.get("nvmlDeviceCreateGpuInstance", gpu, 9)
        }
        #expect(try test.machine.state().gpus[0].instances.count == (isLate ? 1 : 0))
    }

    @Test func `a call that hangs never returns`() async throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let path = test.path
        await #expect(processExitsWith: .signal(9)) { [path = path as String] in
            let library = try DriverLibrary(of: path)
            try Machine(directory: path).changeFaults {
                $0 = [
                    Fault(call: "nvmlDeviceGetCount", effect: .hang),
                    Fault(call: "nvmlShutdown", effect: .kill),
                ]
            }
            try Thread(named: "reaper") {
                Clock.sleep(milliseconds: 200)
                // Only this ends the process so: a call that came back would let it end in order.
                _ = try? library.call("nvmlShutdown")
            }.detach()
            _ = try library.get("nvmlDeviceGetCount_v2")
        }
    }
}
