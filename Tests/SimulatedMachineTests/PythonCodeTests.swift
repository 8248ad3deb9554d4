import JSON
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

private let canDropCapabilities = CurrentProcess.user != .root || Command.exists("setpriv")

@Suite(.enabled(if: !Python.isMissing, "needs a python that imports pynvml (MIGBROKER_PYTHON) and the built library"))
struct `Return codes of the driver's library` {
    private static func name(_ code: JSONValue?) -> String? {
        code?.integerValue.map { DriverCode(rawValue: Int32($0)).name }
    }

    private static let mistakes: [String: [String]] = [
        "INVALID_ARGUMENT": [
            "no handle", "a bad handle", "a handle of another kind", "a GPU for an instance", "no buffer", "no index",
            "no place for a handle", "a UUID without form", "a bus id without form", "a profile past the last",
            "no version word", "the first version word", "a wrong version word", "a fourth version word",
            "no place for a status", "an unknown profile id", "no placement", "a placement that is illegal",
            "a placement that is huge", "an unknown compute profile", "a compute profile past the last",
            "an unknown engine profile", "a MIG device past the most", "a handle of an ended session",
            "a mode that is none", "an event set that is gone", "to remove nothing", "no compute placement",
            "a compute placement that is illegal",
        ],
        "NOT_SUPPORTED": [
            "a profile of another GPU", "room for an unknown profile", "a compute profile that does not fit",
            "the minor of a MIG device", "instances of a MIG device", "events of an unknown kind", "the driver model",
            "the driver model by its new name", "to remove a GPU", "to remove a GPU by the new name", "activity",
        ],
        "NOT_FOUND": [
            "an unknown UUID", "an unknown MIG UUID", "an unknown bus id", "no instance of that id",
            "a MIG device that is none", "a MIG device that is gone", "a compute instance that is gone",
            "an instance that is gone", "the old handle then",
        ],
        "INSUFFICIENT_RESOURCES": [
            "a placement that is taken", "a second compute instance", "a compute placement that is taken",
        ],
        "INSUFFICIENT_SIZE": ["a short buffer"],
        "IN_USE": ["an instance with a compute instance"],
        "TIMEOUT": ["nothing happened"],
        "UNINITIALIZED": ["one end too many"],
        "SUCCESS": [
            "an instance whose place is taken again", "something happened", "a compute placement that is the last",
        ],
    ]

    @Test func `a wrong call gets the code that the real library gives`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let codes = try Python.run("probe_codes.py", on: test.path)
        for (code, calls) in Self.mistakes {
            for call in calls { #expect(Self.name(codes[call]) == code, "\(call)") }
        }
    }

    @Test(.enabled(if: CurrentProcess.user == .root, "needs root: only it may set the mode"))
    func `success of a mode change says nothing: its status does`() throws {
        for (model, result) in [(GPUModel.a100, "SUCCESS"), (.h100, "IN_USE")] {
            let test = try TestMachine([model], library: TestMachine.library)
            let codes = try Python.run("probe_codes.py", on: test.path)
            #expect(Self.name(codes["mode off with instances"]) == result)
            #expect(Self.name(codes["its status"]) == "IN_USE")
        }
    }

    @Test(
        .enabled(if: CurrentProcess.user == .root, "needs root: only it may set the mode"),
        .enabled(if: BuiltProducts.has("migsim"), "needs the built migsim"))
    func `a GPU's handles end with its reset, whoever resets it, and those of others do not`() throws {
        for (model, old) in [(GPUModel.a100, "GPU_IS_LOST"), (.h100, "SUCCESS")] {
            let test = try TestMachine([model, model], renumbersGPUs: true, library: TestMachine.library)
            let codes = try Python.run("probe_reset.py", [BuiltProducts.path(of: "migsim")], on: test.path)
            for call in ["change", "status", "new handle", "other GPU", "other GPU then"] {
                #expect(Self.name(codes[call]) == "SUCCESS", "\(call)")
            }
            for call in ["old handle", "mode by it", "profile by it", "change by it"] {
                #expect(Self.name(codes[call]) == old, "\(call)")
            }
            #expect(codes["minor"]?.integerValue == (old == "SUCCESS" ? 0 : 2))
            #expect(Self.name(codes["old handle then"]) == "GPU_IS_LOST")
            #expect(Self.name(codes["instance then"]) == "NOT_FOUND")
        }
    }

    @Test func `a scripted success of a mode change claims that the mode is active, and it is not`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        try test.machine.changeFaults { $0 = [Fault(call: "nvmlDeviceSetMigMode", effect: .result(.success))] }
        let codes = try Python.run("probe_reset.py", ["--only-change"], on: test.path)
        #expect(Self.name(codes["change"]) == "SUCCESS" && Self.name(codes["status"]) == "SUCCESS")
        #expect(try test.machine.state().gpus[0].mode.isEnabled)
    }

    @Test(.enabled(if: CurrentProcess.user == .root, "needs root: only it may set the mode"))
    func `where the driver may not reset, the status of a mode change asks for it`() throws {
        let test = try TestMachine([.a100], canResetGPUs: false, library: TestMachine.library)
        let codes = try Python.run("probe_reset.py", ["--only-change"], on: test.path)
        #expect(Self.name(codes["change"]) == "SUCCESS" && Self.name(codes["status"]) == "RESET_REQUIRED")
        #expect(try test.machine.state().gpus[0].mode == MIGMode(isEnabled: true, isPendingEnabled: false))
    }

    private static let open = ["name", "mode", "profile"]
    private static let configuring = ["placements", "capacity", "instances", "create"]
    private static let monitoring = ["memory", "processes"]
    private static let administering = ["setMode", "persistence"]

    private static func expect(
        _ codes: JSONValue, _ calls: [String], _ code: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for call in calls { #expect(name(codes[call]) == code, "\(call)", sourceLocation: sourceLocation) }
    }

    @Test(.enabled(if: canDropCapabilities, "needs setpriv"))
    func `who may open mig/config makes instances and sets no mode`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        let codes = try Python.run("probe_codes.py", ["rights"], on: test.path, withoutCapabilities: true)
        Self.expect(codes, Self.open + Self.configuring + Self.monitoring, "SUCCESS")
        Self.expect(codes, Self.administering + ["computeMode"], "NO_PERMISSION")
    }

    @Test(.enabled(if: canDropCapabilities, "needs setpriv"))
    func `who may open neither node learns only what is everybody's`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        for minor in [1, 2] { try Files.setMode(test.machine.layout.node(minor), 0) }
        let codes = try Python.run("probe_codes.py", ["rights"], on: test.path, withoutCapabilities: true)
        Self.expect(codes, Self.open, "SUCCESS")
        Self.expect(codes, Self.configuring + Self.monitoring + Self.administering, "NO_PERMISSION")
        #expect(Self.name(codes["migDevice"]) == "NOT_FOUND", "MIG devices are listed for everybody")
        #expect(try test.machine.state().gpus[0].instances.isEmpty)
    }

    @Test(.enabled(if: CurrentProcess.user == .root, "needs root"))
    func `an administrator needs no node but that of the instance`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        for minor in [1, 2] { try Files.remove(test.machine.layout.node(minor)) }
        let codes = try Python.run("probe_codes.py", ["rights"], on: test.path)
        Self.expect(
            codes, Self.open + Self.configuring + Self.monitoring + Self.administering, "SUCCESS")
    }

    @Test(.enabled(if: canDropCapabilities, "needs setpriv"))
    func `Ampere tells no profiles while MIG is off, and Hopper does`() throws {
        for (model, code) in [(GPUModel.a100, "NOT_SUPPORTED"), (.h100, "SUCCESS")] {
            let test = try TestMachine([model], isMIGEnabled: false, library: TestMachine.library)
            let codes = try Python.run("probe_codes.py", ["rights"], on: test.path, withoutCapabilities: true)
            Self.expect(codes, ["profile"], code)
            Self.expect(codes, ["placements"], "SUCCESS")
            Self.expect(codes, ["capacity", "instances", "create", "migDevice"], "NOT_SUPPORTED")
        }
    }

    /// Return codes by what was asked for.
    private static func doors(of test: borrowing TestMachine) throws -> [String: String] {
        let gpus = try test.machine.state().gpus
        let names = gpus.flatMap { gpu in
            [gpu.uuid.description, gpu.pci.description] + gpu.devices.map(\.compute.uuid.description)
        }
        let codes = try Python.run("probe_doors.py", names, on: test.path, withoutCapabilities: true)
        return Dictionary(uniqueKeysWithValues: (codes.objectValue ?? []).map { ($0.key, name($0.value) ?? "") })
    }

    @Test(.enabled(if: canDropCapabilities, "needs setpriv"))
    func `who may not open a GPU's node counts the GPU, and gets no handle of it`() throws {
        let test = try TestMachine([.a100, .a100], library: TestMachine.library)
        for gpu in 0...1 {
            let instance = try test.machine.createInstance(gpu: gpu, profile: GPUInstanceProfileID(9), at: nil)
            _ = try test.machine.createCompute(
                gpu: gpu, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
        }
        try Files.setMode(test.machine.layout.gpuNode(1), 0)
        let codes = try Self.doors(of: test)
        #expect(codes["count"] == Self.name(.integer(2)))
        for (index, gpu) in try test.machine.state().gpus.enumerated() {
            let names = [
                "\(index)", gpu.uuid.description, gpu.pci.description, gpu.devices[0].compute.uuid.description,
            ]
            #expect(names.map { codes[$0] } == Array(repeating: index == 1 ? "NO_PERMISSION" : "SUCCESS", count: 4))
        }
        // Whoever needs a node that is not there has it made.
        try Files.remove(test.machine.layout.gpuNode(1))
        #expect(try Self.doors(of: test)["1"] == "SUCCESS")
    }

    @Test(.enabled(if: canDropCapabilities, "needs setpriv"))
    func `who may not open the driver's node gets no session`() throws {
        let test = try TestMachine([.a100], library: TestMachine.library)
        try Files.setMode(test.machine.layout.control, 0)
        #expect(try Self.doors(of: test) == ["session": "NO_PERMISSION"])
    }
}
