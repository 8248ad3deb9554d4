import JSON
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// The built program, run as a user would.
private func migsim(_ arguments: String...) throws -> Command {
    try Command.run(BuiltProducts.path(of: "migsim"), arguments)
}

private let isRoot = CurrentProcess.user == .root

@Suite(.enabled(if: BuiltProducts.has("migsim") && BuiltProducts.has("SimulatedNVML"), "needs the built migsim"))
struct `The program migsim` {
    /// A machine made by the program, and where it lies.
    private static func made(_ options: String...) throws -> TemporaryDirectory {
        let home = try TemporaryDirectory()
        let command = try Command.run(
            BuiltProducts.path(of: "migsim"), ["new", "\(home.path)/m", "--nodes", "file"] + options)
        try #require(command.code == 0, "\(command.errors)")
        return home
    }

    private static func show(_ path: String) throws -> JSONValue {
        let command = try migsim("show", path, "--json")
        try #require(command.code == 0, "\(command.errors)")
        return try JSONParser.parse(Array(command.output.utf8), limits: .reply)
    }

    @Test func `a new machine has the GPUs, the driver and the library that were asked for`() throws {
        let home = try Self.made("--gpu", "a100", "--gpu", "NVIDIA H100 80GB HBM3", "--count", "2", "--mig")
        let shown = try Self.show("\(home.path)/m")
        let gpus = try #require(shown["gpus"]?.arrayValue)
        #expect(
            gpus.compactMap { $0["name"]?.stringValue } == [
                "NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB", "NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3",
            ])
        #expect(gpus.allSatisfy { $0["mig"]?["current"]?.boolValue == true })
        #expect(Set(gpus.compactMap { $0["uuid"]?.stringValue }).count == 4)
        #expect(shown["driver"]?.stringValue == "580.105.08")
        #expect(
            try Files.read("\(home.path)/m/lib/libnvidia-ml.so.1")
                == Files.read(BuiltProducts.path(of: "SimulatedNVML")))
        #expect(shown["nodes"]?.arrayValue?.count == 10)
    }

    @Test(
        arguments: [
            ([], "missing command"), (["fly"], "unknown command 'fly'"), (["new"], "missing DIR"),
            (["new", "/nowhere/m"], "missing --gpu MODEL"),
            (["new", "/nowhere/m", "--gpu", "Z900"], "'Z900' is no good"),
            (["new", "/nowhere/m", "--gpu", "A100", "--estimates", "yes"], "unexpected argument 'yes'"),
            (["new", "/nowhere/m", "--gpu", "A100", "--count", "0"], "a number from 1 to 32"),
            (["new", "/nowhere/m", "--gpu", "A100", "--count", "33"], "a number from 1 to 32"),
            (["new", "/nowhere/m", "--gpu", "A100", "--driver", "new"], "a version such as"),
            (["new", "/nowhere/m", "--gpu", "A100", "--nodes", "paper"], "'device' or 'file'"),
            (["new", "/nowhere/m", "--gpu", "A100", "--without", "printf"], "'printf' is no good"),
            (["new", "/nowhere/m", "--gpu", "A100", "--wings"], "unknown option '--wings'"),
            (["new", "/nowhere/m", "--gpu", "A100", "--module", "x=1"], "NVreg_ModifyDeviceFiles=0|1"),
            (["new", "/nowhere/m", "--gpu", "A100", "--module", "nv_cap_enable_devfs=0"], "before 515.43.04"),
            (["new", "/nowhere/m", "/nowhere/n", "--gpu", "A100"], "unexpected argument '/nowhere/n'"),
            (["new", "/nowhere/m", "--gpu", "A100", "--", "true"], "unexpected argument 'true'"),
            (["reset"], "missing DIR"), (["reset", "/nowhere/m", "--gpu", "32"], "a number from 0 to 31"),
            (["reset", "/nowhere/m", "0"], "unexpected argument '0'"),
            (["hold", "/nowhere/m", "--device", "MIG-x"], "missing -- COMMAND"),
            (["hold", "/nowhere/m", "--", "true"], "missing --device UUID"),
            (["enter", "/nowhere/m"], "missing -- COMMAND"),
            (["modprobe", "/nowhere/m"], "missing -f PROCFILE"), (["show", "/nowhere/m", "--yaml"], "unknown option"),
            (["fault", "/nowhere/m", "nvmlInit"], "missing CODE"),
            (["fault", "/nowhere/m", "nvmlInit", "BROKEN"], "'BROKEN' is no good"),
            (["fault", "/nowhere/m", "init", "IN_USE"], "'init' is no good"),
            (["fault", "/nowhere/m", "nvmlInit", "IN_USE", "--times", "0"], "a number from 1"),
            (["fault", "/nowhere/m", "nvmlInit", "--crash", "--kill"], "exclude each other"),
            (["fault", "/nowhere/m", "nvmlInit", "--hang", "--crash"], "exclude each other"),
            (["fault", "/nowhere/m", "nvmlInit", "IN_USE", "--for", "0"], "a number from 1"),
            (["fault", "/nowhere/m", "nvmlInit", "--late"], "missing CODE"),
            (["fault", "/nowhere/m", "nvmlInit", "IN_USE", "--kill"], "unexpected argument 'IN_USE'"),
        ] as [([String], String)])
    func `a wrong command line is said to be wrong, with status 2`(words: [String], message: String) throws {
        let command = try Command.run(BuiltProducts.path(of: "migsim"), words)
        #expect(command.code == 2)
        #expect(command.errors.contains(message), "\(command.errors)")
        #expect(command.output.isEmpty)
    }

    @Test(arguments: [
        (["show"], "No such file"), (["reset"], "No such file"), (["reload"], "No such file"),
        (["fault", "--clear"], "No such file"),
    ])
    func `a machine that is not there is said to be missing, with status 1`(words: [String], message: String) throws {
        let command = try Command.run(
            BuiltProducts.path(of: "migsim"), [words[0], "/nowhere/m"] + words.dropFirst())
        #expect(command.code == 1)
        #expect(command.errors.contains(message), "\(command.errors)")
    }

    @Test func `a directory with something in it is left alone`() throws {
        let home = try TemporaryDirectory()
        try Files.write("\(home.path)/precious", Array("x".utf8))
        let command = try migsim("new", home.path, "--gpu", "A100", "--nodes", "file")
        #expect(command.code == 1 && command.errors.contains("is not empty"))
        #expect(try Files.list(home.path) == ["precious"])
        #expect(try migsim("show", home.path).errors.contains("holds no simulated machine"))
    }

    @Test(arguments: [
        ("A30", "450.80.02", "460.73.01"), ("H100", "470.82.01", "525.85.12"), ("GH200", "525.60.13", "525.85.12"),
        ("H200", "535.261.03", "550.90.07"), ("B200", "570.124.06", "570.133.20"), ("GB300", "575.57.08", "580.82.07"),
        ("RTX-PRO-6000-SE", "570.133.20", "575.51.03"), ("RTX-PRO-5000", "575.51.03", "575.57.08"),
    ])
    func `a driver that is too old for a GPU is refused, beside others too`(
        model: String, driver: String, first: String
    ) throws {
        let home = try TemporaryDirectory()
        let path = "\(home.path)/m"
        let command = try migsim(
            "new", path, "--gpu", "A100", "--gpu", model, "--driver", driver, "--nodes", "file")
        #expect(
            command.code == 1 && command.errors.hasSuffix("; the first that does is \(first)\n"), "\(command.errors)")
        #expect(!Files.exists(path))
    }

    @Test(
        arguments: [
            ("A100", false, [], nil, false), ("A100", true, [], nil, false),
            (
                "B200", false, ["3g.90gb", "4g.90gb", "7g.180gb"], "memory, multiprocessors, decoders, JPEG engines",
                true
            ),
            ("B200", true, [], nil, false), ("GB300", true, ["7g.278gb"], "multiprocessors", false),
            ("RTX-PRO-5000", true, ["1g.24gb-me", "2g.48gb+gfx"], "profile id, memory, multiprocessors", false),
        ] as [(String, Bool, [String], String?, Bool)])
    func `what a model lacks is said, profile by profile, when it is made and whenever it is shown`(
        model: String, admitsEstimates: Bool, withheld: [String], missing: String?, hasHint: Bool
    ) throws {
        let home = try TemporaryDirectory()
        let path = "\(home.path)/m"
        let words = ["new", path, "--gpu", model, "--nodes", "file"] + (admitsEstimates ? ["--estimates"] : [])
        let made = try Command.run(BuiltProducts.path(of: "migsim"), words)
        #expect(made.code == 0 && made.output.isEmpty)
        let shown = try migsim("show", path).output
        for profile in withheld {
            #expect(
                made.errors.contains(" does not offer \(profile); not public: \(missing ?? "")\n"), "\(made.errors)")
            #expect(shown.contains("\n  \(profile) is not offered; not public: \(missing ?? "")\n"), "\(shown)")
        }
        if withheld.isEmpty { #expect(made.errors.isEmpty && !shown.contains("not public")) }
        #expect(made.errors.contains("--estimates") == hasHint)
        #expect(made.errors.contains("offers no GPU instance at all") == (model == "RTX-PRO-5000"))
        let whole = try Self.show(path)
        #expect(whole["estimates"]?.boolValue == admitsEstimates)
        let json = try #require(whole["gpus"]?.arrayValue?.first)
        let names = try #require(json["withheld"]?.arrayValue).compactMap { $0["profile"]?.stringValue }
        #expect(Set(names).isSuperset(of: withheld) && names.isEmpty == withheld.isEmpty)
    }

    @Test func `estimates are marked, in text and for programs`() throws {
        let home = try Self.made("--gpu", "B200", "--gpu", "H200", "--gpu", "GB300", "--estimates")
        let text = try migsim("show", "\(home.path)/m").output
        #expect(text.hasPrefix("driver 580.105.08, estimates admitted, nodes are files\n"))
        #expect(text.contains("\n  7g.180gb is estimated: memory, multiprocessors, decoders, JPEG engines\n"))
        #expect(text.contains("\n  not public: multiprocessors of the whole GPU\n"))
        let shown = try Self.show("\(home.path)/m")
        #expect(shown["estimates"]?.boolValue == true)
        let gpus = try #require(shown["gpus"]?.arrayValue)
        let estimated = gpus.map { $0["estimated"]?.arrayValue?.compactMap { $0["profile"]?.stringValue } }
        #expect(estimated.first == ["3g.90gb", "4g.90gb", "7g.180gb"])
        #expect(estimated.map { $0?.count } == [3, 0, 6])
        let facts = gpus[0]["estimated"]?.arrayValue?.first?["facts"]?.arrayValue?.map(\.stringValue)
        #expect(facts == ["memoryMiB", "multiprocessors", "decoders", "jpeg"])
        #expect(gpus.map { $0["multiprocessors"]?.integerValue } == [148, 132, nil])
    }

    @Test func `a library cannot lack what it never had`() throws {
        let home = try TemporaryDirectory()
        let path = "\(home.path)/m"
        let command = try migsim("new", path, "--gpu", "A100", "--without", "nvmlDeviceGet", "--nodes", "file")
        #expect(command.code == 1 && command.errors.contains("has not all of nvmlDeviceGet"), "\(command.errors)")
        #expect(!Files.exists(path))
    }

    @Test func `a board without MIG takes no mode, and is shown as one`() throws {
        let home = try TemporaryDirectory()
        let refused = try migsim("new", "\(home.path)/x", "--gpu", "L4", "--mig", "--nodes", "file")
        #expect(refused.code == 1 && refused.errors.contains("NVIDIA L4 has no MIG"), "\(refused.errors)")
        let mixed = try Self.made("--gpu", "L4", "--gpu", "A100", "--mig")
        #expect(try migsim("show", "\(mixed.path)/m").output.contains("minor 0  no MIG\n"))
        let modes = try Self.show("\(mixed.path)/m")["gpus"]?.arrayValue?.map { $0["mig"]?["current"]?.boolValue }
        #expect(modes == [nil, true])
    }

    @Test func `the module's parameters are shown`() throws {
        let strict = try Self.made("--gpu", "A100", "--module", "NVreg_ModifyDeviceFiles=0")
        #expect(try migsim("show", "\(strict.path)/m").output.contains("programs make no nodes"))
        #expect(try Self.show("\(strict.path)/m")["modifiesDeviceFiles"]?.boolValue == false)
        let old = try Self.made("--gpu", "A100", "--driver", "470.82.01", "--module", "nv_cap_enable_devfs=0")
        #expect(try migsim("show", "\(old.path)/m").output.contains("capabilities in /proc"))
        #expect(try Self.show("\(old.path)/m")["capabilitiesMajor"] == .null)
    }

    @Test(arguments: ["new", "show", "enter", "hold", "modprobe", "fault", "xid", "reset", "reload", "reboot"])
    func `every command has its help`(verb: String) throws {
        let own = try migsim(verb, "--help")
        #expect(own.code == 0 && own.output.hasPrefix("usage: migsim \(verb) "))
        #expect(try migsim("--help").output.contains("migsim \(verb) "))
    }

    @Test func `faults are shown until they are cleared`() throws {
        let home = try Self.made("--gpu", "A100")
        let path = "\(home.path)/m"
        #expect(try migsim("fault", path, "nvmlGpuInstanceDestroy", "IN_USE", "--after", "1", "--times", "3").code == 0)
        #expect(try migsim("fault", path, "nvmlInit", "--delay", "5").code == 0)
        #expect(try migsim("fault", path, "*", "--kill").code == 0)
        #expect(try migsim("fault", path, "nvmlInit", "UNKNOWN", "--late", "--for", "3").code == 0)
        let text = try migsim("show", path).output
        #expect(text.contains("nvmlGpuInstanceDestroy  IN_USE, after 1 calls, 3 times"))
        let faults = try #require(try Self.show(path)["faults"]?.arrayValue)
        #expect(faults.compactMap { $0["effect"]?.stringValue } == ["IN_USE", "none", "kill", "UNKNOWN"])
        #expect(text.contains("nvmlInit  UNKNOWN, late, for 3000 ms"))
        #expect(try migsim("fault", path, "--clear").code == 0)
        #expect(try Self.show(path)["faults"]?.arrayValue?.isEmpty == true)
    }

    @Test func `a reload and a reboot lose what they lose`() throws {
        let home = try Self.made("--gpu", "A100", "--gpu", "H100", "--mig")
        let machine = try Machine(directory: "\(home.path)/m")
        for gpu in 0..<2 {
            _ = try machine.createInstance(gpu: gpu, profile: GPUInstanceProfileID(19), at: nil)
        }
        try Files.write(machine.layout.node(66), [])
        #expect(try migsim("reload", "\(home.path)/m").code == 0)
        let reloaded = try machine.state()
        #expect(reloaded.gpus.map(\.instances.isEmpty) == [true, true])
        #expect(reloaded.gpus.map(\.mode.isEnabled) == [true, false])
        #expect(Files.exists(machine.layout.node(66)), "a stale node outlives a reload")
        #expect(try migsim("reboot", "\(home.path)/m").code == 0)
        #expect(!Files.exists(machine.layout.node(66)))
        #expect(try machine.state().load == 3)
    }

    @Test func `a pending mode and another minor are shown`() throws {
        let home = try Self.made("--gpu", "A100", "--count", "2", "--mig", "--renumber")
        let machine = try Machine(directory: "\(home.path)/m")
        let shown = try Self.show(machine.layout.directory)
        #expect(shown["renumbers"]?.boolValue == true && shown["resettable"]?.boolValue == true)
        _ = try machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(19), at: nil)
        _ = try machine.setMode(gpu: 0, enabled: false)
        #expect(try migsim("show", "\(home.path)/m").output.contains("minor 0  MIG on (off after reset)"))
        let before = try Self.show(machine.layout.directory)["gpus"]?.arrayValue?.first
        #expect(before?["mig"]?["current"]?.boolValue == true && before?["mig"]?["pending"]?.boolValue == false)
        #expect(try migsim("reset", "\(home.path)/m", "--gpu", "0").code == 0)
        let after = try Self.show(machine.layout.directory)["gpus"]?.arrayValue?.first
        #expect(after?["mig"]?["current"]?.boolValue == false && after?["minor"]?.integerValue == 2)
        #expect(try migsim("show", "\(home.path)/m").output.contains("minor 2  MIG off\n"))
    }

    @Test func `why a reset is refused is said`() throws {
        let home = try Self.made("--gpu", "A100")
        let path = "\(home.path)/m"
        #expect(try migsim("reset", path, "--gpu", "1").errors.contains("there is no GPU 1 on this machine"))
        let machine = try Machine(directory: path)
        let pid = CurrentProcess.pid
        let holder = Holder(
            pid: pid, started: try #require(Holder.startTime(of: pid)), gpu: try machine.state().gpus[0].uuid,
            instance: nil, memoryMiB: 1)
        try machine.enter(holder)
        let refused = try migsim("reset", path, "--gpu", "0")
        #expect(refused.code == 1 && refused.errors.contains("in use by process \(pid)"), "\(refused.errors)")
        let fixed = try Self.made("--gpu", "A100", "--no-reset")
        let forbidden = try migsim("reset", "\(fixed.path)/m")
        #expect(forbidden.code == 1 && forbidden.errors.contains("may not reset"), "\(forbidden.errors)")
        #expect(try migsim("show", "\(fixed.path)/m").output.contains(", no resets, "))
    }

    @Test(.enabled(if: isRoot, "needs root: a mount namespace"))
    func `who enters sees the machine's trees and nothing of it stays on the host`() throws {
        let home = try TemporaryDirectory()
        let path = "\(home.path)/m"
        try #require(try migsim("new", path, "--gpu", "A100", "--gpu", "A100").code == 0)
        let devices = try Files.list("/dev")
        let script =
            "cat /proc/driver/nvidia/version; ls /dev; tail -1 /proc/driver/nvidia-caps/mig-minors; "
            + "grep nvidia-caps /proc/devices; cat /dev/nvidia-caps/nvidia-cap2; echo gone > /dev/null; "
            + "ls /sys/bus/pci/devices/0000:07:00.0"
        let command = try migsim("enter", path, "--", "sh", "-c", script)
        #expect(command.output.contains("NVRM version"))
        #expect(command.output.contains("gpu31/gi14/ci7/access 4322\n"))
        for name in ["null", "pts", "nvidia0", "nvidia1", "nvidiactl", "nvidia-caps"] {
            #expect(command.output.contains("\n\(name)\n"), "\(name)")
        }
        #expect(command.errors.contains("No such device or address"), "\(command.errors)")
        // Where the host has no bus, there is no place for the machine's.
        #expect(command.output.hasSuffix("\nreset\n") || !Files.exists("/sys/bus/pci/devices"))
        #expect(try Files.list("/dev") == devices)
        #expect(!Files.exists("/proc/driver/nvidia/version") || isRealDriverHere)
        #expect(try migsim("enter", path, "--", "sh", "-c", "exit 7").code == 7)
        #expect(try migsim("enter", path, "--", "no-such-program").errors.contains("ENOENT"))
    }

    private var isRealDriverHere: Bool { Files.exists("/proc/driver/nvidia") }
}
