import JSON
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// `facts/nvidia-caps.md` 1.3 to 1.6, and 3.4 (1).
@Suite struct `The module's parameters and tables` {
    @Test func `params shows all of them in the driver's order, texts last`() throws {
        for (module, value) in [([], 1), (["NVreg_ModifyDeviceFiles=0"], 0)] {
            let test = try TestMachine(module: module)
            let lines = try text(test.machine.layout.parameters).split(separator: "\n").map(String.init)
            #expect(
                lines.prefix(6) == [
                    "ResmanDebugLevel: 4294967295", "RmLogonRC: 1", "ModifyDeviceFiles: \(value)", "DeviceFileUID: 0",
                    "DeviceFileGID: 0", "DeviceFileMode: 438",
                ])
            let firstText = try #require(lines.firstIndex { $0.hasSuffix("\"") })
            #expect(lines.count == firstText + 7)
            #expect(lines[firstText...].allSatisfy { $0.hasSuffix(": \"\"") })
            #expect(try Files.attributes(test.machine.layout.parameters).mode == 0o444)
        }
    }

    @Test(arguments: [
        ("NVreg_ModifyDeviceFiles=2", "580.105.08"), ("NVreg_ModifyDeviceFiles", "580.105.08"),
        ("ModifyDeviceFiles=0", "580.105.08"), ("NVreg_DeviceFileMode=0", "580.105.08"), ("", "580.105.08"),
        ("nv_cap_enable_devfs=0", "580.105.08"), ("nv_cap_enable_devfs=1", "515.43.04"),
        ("nv_cap_enable_devfs=0", "450.36.06"), ("nv_cap_enable_devfs=2", "470.82.01"),
    ])
    func `a parameter that the module of a driver has not is refused`(parameter: String, driver: String) throws {
        var module = ModuleParameters()
        let version = try #require(DriverVersion(driver))
        #expect(throws: ModuleParameters.UnknownParameter.self) { try module.set(parameter, driver: version) }
        #expect(module == ModuleParameters())
    }

    @Test(arguments: ["450.51.06", "450.80.02", "470.82.01", "510.108.03"])
    func `drivers that can keep capabilities in proc tell whether they do, later ones not`(driver: String) throws {
        let version = try #require(DriverVersion(driver))
        for (module, value) in [([], "1\n"), (["nv_cap_enable_devfs=0"], "0\n")] {
            let test = try TestMachine([.a100], driver: version, module: module)
            let file = "\(test.path)/sys/module/nvidia/parameters/nv_cap_enable_devfs"
            #expect(try text(file) == value)
            #expect(try Files.attributes(file).mode == 0o444)
        }
        let late = try TestMachine([.a100], driver: "515.43.04")
        #expect(!Files.exists("\(late.path)/sys/module/nvidia/parameters"))
    }

    @Test(
        arguments: [
            ("470.82.01", nil, false), ("525.53", "", false), ("550.40.06", "", false),
            ("550.40.07", "fabric-imex-mgmt 4323\n", true), ("580.105.08", "fabric-imex-mgmt 4323\n", true),
        ] as [(String, String?, Bool)])
    func `the tables and files of other capabilities come with their drivers`(
        driver: String, table: String?, hasIMEX: Bool
    ) throws {
        let test = try TestMachine([.a100], driver: try #require(DriverVersion(driver)))
        let file = "\(test.path)/proc/driver/nvidia-caps/sys-minors"
        #expect(Files.exists(file) == (table != nil))
        if let table { #expect(try text(file) == table) }
        let imex = Capability.fabricIMEX.path(in: test.machine.layout)
        #expect(Files.exists(imex) == hasIMEX)
        if hasIMEX {
            #expect(try text(imex) == "DeviceFileMinor: 4323\nDeviceFileMode: 256\nDeviceFileModify: 1\n")
        }
        #expect(try text("\(test.path)/proc/driver/nvidia-caps/nvlink-minors") == "fabric-mgmt 0\n")
        #expect(
            try text("\(test.path)/proc/driver/nvidia-nvlink/capabilities/fabric-mgmt")
                == "DeviceFileMinor: 0\nDeviceFileMode: 256\nDeviceFileModify: 1\n")
    }

    @Test func `a GPU's directory comes with its first use, and goes with the driver`() throws {
        let test = try TestMachine()
        let directory = "\(test.machine.layout.capabilities)/gpu0"
        #expect(Files.exists("\(directory)/mig"))
        try test.machine.reload()
        #expect(!Files.exists(directory))
        try test.machine.attach()
        #expect(try Files.list("\(directory)/mig").isEmpty)
        try test.machine.reboot()
        #expect(!Files.exists(directory))
    }

    @Test func `a board without MIG has its directory too`() throws {
        let test = try TestMachine([.l4])
        #expect(try Files.list("\(test.machine.layout.capabilities)/gpu0/mig").isEmpty)
        #expect(try test.machine.state().gpus[0].mode == MIGMode(isEnabled: false, isPendingEnabled: false))
    }
}

/// `facts/nvidia-caps.md` 1.5: capabilities that are files of `/proc`, with the rights that nodes have later.
@Suite struct `A driver that keeps its capabilities in proc` {
    private static func machine(library: String = "/dev/null") throws -> TestMachine {
        try TestMachine([.a100], driver: "470.82.01", module: ["nv_cap_enable_devfs=0"], library: library)
    }

    @Test func `has neither nodes nor numbers for them, and empty files whose modes say it all`() throws {
        let test = try Self.machine()
        let layout = test.machine.layout
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        let compute = try test.machine.createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
        for (capability, mode) in [
            (Capability.config, 0o400), (.monitor, 0o444), (.fabric, 0o400),
            (.gpuInstance(gpuMinor: 0, instance.id), 0o444),
            (.computeInstance(gpuMinor: 0, instance.id, compute.id), 0o444),
        ] as [(Capability, UInt32)] {
            let path = capability.path(in: layout)
            #expect(try text(path).isEmpty, "\(path)")
            #expect(try Files.attributes(path).mode == mode, "\(path)")
        }
        #expect(!Files.exists("\(test.path)/proc/driver/nvidia-caps") && !Files.exists(layout.nodes))
        let devices = try text(layout.devices)
        #expect(!devices.contains("nvidia-caps") && devices.contains("nvidiactl"))
        #expect(!Files.exists("\(layout.dev)/char"))
        try test.machine.reboot()
        #expect(!Files.exists(layout.nodes) && Files.exists(layout.gpuNode(0)))
    }

    @Test(.enabled(if: CurrentProcess.user == .root && BuiltProducts.has("migsim"), "needs root and the built migsim"))
    func `gives nvidia-modprobe nothing to make`() throws {
        let test = try Self.machine()
        let ran = try Command.run(
            BuiltProducts.path(of: "migsim"),
            ["modprobe", test.path, "-f", "/proc/driver/nvidia/capabilities/mig/monitor"])
        #expect(ran.code == 1 && ran.errors.contains("has no node for"), "\(ran.errors)")
        #expect(!Files.exists(test.machine.layout.nodes))
    }

    @Test(
        .enabled(if: !Python.isMissing, "needs nvidia-ml-py (or MIGBROKER_PYTHON) and the built library"),
        .enabled(if: CurrentProcess.user == .root && Command.exists("setpriv"), "needs root and setpriv"))
    func `lets in who can open the file`() throws {
        let test = try Self.machine(library: TestMachine.library)
        let words = ["rights"]
        let allowed = try Python.run("probe_codes.py", words, on: test.path, withoutCapabilities: true)
        for call in ["capacity", "create", "memory"] { #expect(allowed[call]?.integerValue == 0, "\(call)") }
        for capability in [Capability.config, .monitor] {
            try Files.setMode(capability.path(in: test.machine.layout), 0)
        }
        let refused = try Python.run("probe_codes.py", words, on: test.path, withoutCapabilities: true)
        for call in ["capacity", "create", "memory"] { #expect(refused[call]?.integerValue == 4, "\(call)") }
    }

    @Test(
        .enabled(if: CurrentProcess.user == .root, "needs root: another user"),
        .enabled(if: BuiltProducts.has("migsim") && Command.exists("setpriv"), "needs migsim and setpriv"))
    func `has users of instances open their files`() throws {
        let test = try Self.machine()
        let instance = try test.machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        let compute = try test.machine.createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
        let program = test.directory.path("migsim")
        try Files.write(program, try Files.read(BuiltProducts.path(of: "migsim")), mode: 0o755)
        let words = [
            "--reuid", "4242", "--regid", "4242", "--clear-groups", program, "hold", test.path, "--device",
            compute.uuid.description, "--", "true",
        ]
        #expect(try Command.run("setpriv", words).code == 0)
        let access = Capability.gpuInstance(gpuMinor: 0, instance.id).path(in: test.machine.layout)
        try Files.setMode(access, 0o400)
        let refused = try Command.run("setpriv", words)
        #expect(refused.code == 1 && refused.errors.contains("\(access)"), "\(refused.errors)")
    }
}
