import JSON
import Linux
import MIG
import TestSupport
import Testing

/// What the daemon starts with, on and as.
@Suite("Startup", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct StartupTests {
    /// Runs a daemon that is expected not to start.
    private func start(_ stage: Stage, _ options: [String] = []) throws -> Command {
        try stage.run(
            ["\(stage.path)/bin/migbrokerd", "--root", stage.broker, "--driver", stage.machine] + options,
            as: Stage.root, seconds: 20)
    }

    @Test func `a second daemon on the same socket or the same log does not start, and the first goes on`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let second = try start(stage)
        #expect(second.code == 1)
        #expect(second.errors == "migbrokerd: another broker listens on \(stage.socket)\n")
        // On a socket of its own it would write into the first one's log.
        let beside = try start(stage, ["--socket", "\(stage.broker)/run/other"])
        #expect(beside.code == 1, "\(beside.errors)")
        #expect(beside.errors.hasSuffix("migbrokerd: another process writes this audit log\n"), "\(beside.errors)")
        // With the socket gone the lock still stands.
        try Files.rename("\(stage.socket)", to: "\(stage.socket).aside")
        #expect(try start(stage).code == 1)
        #expect(!Files.exists(stage.socket))
        try Files.rename("\(stage.socket).aside", to: stage.socket)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try daemon.stop() == .exited(0))
    }

    @Test func `the socket of a dead daemon is replaced, and nothing else is`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        try stage.startDaemon().end()
        #expect(Files.exists(stage.socket))
        let daemon = try stage.startDaemon()
        let attributes = try Files.attributes(stage.socket)
        #expect(attributes.kind == .socket && attributes.mode == 0o666 && attributes.owner == .root)
        #expect(try stage.isUnharmed())
        #expect(try daemon.stop() == .exited(0))
        try Files.remove(stage.socket)
        for (what, script) in [
            ("a file", "echo precious > $1"), ("a link", "ln -s /etc/passwd $1"), ("a directory", "mkdir $1"),
        ] {
            #expect(try stage.run(["sh", "-ec", script, "sh", stage.socket], as: Stage.root).code == 0)
            let kind = try Files.attributes(stage.socket).kind
            #expect(try start(stage).code == 1, "\(what)")
            #expect(try Files.attributes(stage.socket).kind == kind, "\(what)")
            #expect(try stage.run(["rm", "-rf", stage.socket], as: Stage.root).code == 0)
        }
    }

    @Test func `whoever is not root cannot start it, and a bad option is named`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let ran = try stage.run(["\(stage.path)/bin/migbrokerd", "--root", stage.broker], as: Stage.alice)
        #expect(ran.code == 1)
        #expect(ran.errors == "migbrokerd: must be started as root\n")
        for (option, said) in [
            ("--frobnicate", "unknown option '--frobnicate'"), ("--limit=depth=0", "'depth=0' is no good for --limit"),
            ("--limit=depth=16x", "'depth=16x' is no good"), ("--limit=width=1", "'width=1' is no good"),
            ("--limit=depth=18446744073709551617", "is no good"), ("--driver=relative", "'relative' is no good"),
            ("--driver=/", "'/' is no good"), ("surplus", "unexpected argument 'surplus'"),
            ("--root=/nowhere", "option '--root' is given twice"),
        ] {
            let ran = try stage.run(
                ["\(stage.path)/bin/migbrokerd", "--root", stage.broker, option], as: Stage.root, seconds: 20)
            #expect(ran.code == 2, "\(option)")
            #expect(ran.errors.contains(said), "\(option): \(ran.errors)")
        }
        #expect(!Files.exists(stage.auditDirectory))
    }

    @Test func `what stands in the environment has no effect`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let other = "\(stage.path)/other"
        #expect(
            try stage.run(
                ["\(stage.path)/bin/migsim", "new", other, "--gpu", "NVIDIA H100 80GB HBM3", "--mig"], as: Stage.root
            ).code == 0)
        let daemon = try stage.startDaemon(environment: [
            "LD_LIBRARY_PATH=\(other)/lib", "MIGSIM_ROOT=\(other)", "NVML_MPS_DEVICE_ENUMERATION=1",
            "TZ=../../../\(other)/state.json", "LOCPATH=\(other)",
            "SWIFT_BACKTRACE=enable=yes,swift-backtrace=/bin/false",
            "NOTIFY_SOCKET=\(other)/none", "HTTP_PROXY=http://127.0.0.1:9",
        ])
        let gpus = try stage.objects(["gpus"], "gpus", as: Stage.root)
        #expect(gpus.map { $0["name"]?.stringValue } == ["NVIDIA A100-SXM4-40GB"])
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try stage.machine().instances == 1)
        let maps = try Files.read("/proc/\(daemon.pid)/maps", limit: 1 << 20)
        #expect(!String(decoding: maps, as: UTF8.self).contains(other))
    }

    @Test func `a library that is loaded before the program changes neither machine nor record`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let other = "\(stage.path)/other"
        #expect(
            try stage.run(
                ["\(stage.path)/bin/migsim", "new", other, "--gpu", "NVIDIA H100 80GB HBM3", "--mig"], as: Stage.root
            ).code == 0)
        let daemon = try stage.startDaemon(environment: ["LD_PRELOAD=\(other)/lib/libnvidia-ml.so.1"])
        let maps = try Files.read("/proc/\(daemon.pid)/maps", limit: 1 << 20)
        #expect(String(decoding: maps, as: UTF8.self).contains("\(other)/lib/libnvidia-ml.so.1"))
        // Functions are looked up in the library that was found by its path, not among all that are loaded.
        let gpus = try stage.objects(["gpus"], "gpus", as: Stage.root)
        #expect(gpus.map { $0["name"]?.stringValue } == ["NVIDIA A100-SXM4-40GB"])
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        #expect(try stage.machine().instances == 1)
    }

    @Test func `once it serves, every thread holds CAP_SYS_ADMIN and nothing else`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let threads = try Files.list("/proc/\(daemon.pid)/task")
        #expect(threads.count >= 4)
        for thread in threads {
            let status = String(decoding: try Files.read("/proc/\(daemon.pid)/task/\(thread)/status"), as: UTF8.self)
            var fields: [Substring: Substring] = [:]
            for line in status.split(separator: "\n") {
                let parts = line.split(separator: ":\t", maxSplits: 1)
                if parts.count == 2 { fields[parts[0]] = parts[1] }
            }
            let admin: Substring = "0000000000200000"
            let none: Substring = "0000000000000000"
            #expect(fields["CapEff"] == admin && fields["CapPrm"] == admin && fields["CapBnd"] == admin, "\(status)")
            #expect(fields["CapInh"] == none && fields["CapAmb"] == none, "\(status)")
            #expect(fields["NoNewPrivs"] == "1")
            #expect(fields["Uid"] == "0\t0\t0\t0")
        }
    }

    @Test func `descriptors that clients pass along reach nobody and leave nothing open`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let script = """
            import array, os, socket, sys
            fds = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(8)])
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
            message = bytes.fromhex(sys.argv[2]); refused = 0
            for turn in range(40):
                s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])
                for _ in range(50):
                    try: s.sendmsg([message], control)
                    except PermissionError: refused += 1; s.sendall(message)
                    said = b""
                    while not said.endswith(b"\\0"): said += s.recv(65536)
            print("done")
            """
        let message = Hex.text(of: Stage.call("org.varlink.service.GetInfo"))
        func descriptors() throws -> Int { try Files.list("/proc/\(daemon.pid)/fd").count }
        func play() throws {
            let ran = try stage.run(["python3", "-c", script, stage.socket, message], as: Stage.alice)
            #expect(ran.output == "done\n", "\(ran.errors)")
        }
        #expect(try stage.migctl(["gpus"], as: Stage.alice).code == 0)
        let before = try descriptors()
        try play()
        // The last connection may still be on its way out.
        try daemon.waitUntil("no more descriptors are open than before") { try descriptors() <= before }
        #expect(try stage.isUnharmed())
    }

    @Test(arguments: [
        ("chmod 0775 $1/lib/libnvidia-ml.so.1", "is writable by group or others (mode 775)"),
        ("chmod 0777 $1/lib", "is writable by group or others (mode 777)"),
        ("chown 2001 $1/lib/libnvidia-ml.so.1", "is owned by uid 2001, not by root"),
        ("chown 2001 $1/lib", "is owned by uid 2001, not by root"),
        (
            "mkdir -m 777 $1/open; mv $1/lib/libnvidia-ml.so.1 $1/open; ln -s ../open/libnvidia-ml.so.1 $1/lib",
            "is writable by group or others (mode 777)"
        ),
        ("rm $1/lib/libnvidia-ml.so.1", "libnvidia-ml.so.1"),
        ("echo junk > $1/lib/libnvidia-ml.so.1", "libnvidia-ml.so.1"),
        (
            "cp /lib/x86_64-linux-gnu/libc.so.6 $1/lib/libnvidia-ml.so.1 2>/dev/null || cp /lib/*/libc.so.6 $1/lib/libnvidia-ml.so.1",
            "nvmlInit"
        ),
    ])
    func `a library that cannot be trusted or used is refused, and who asks is told`(
        script: String, problem: String
    ) throws {
        let stage = try Stage(policy: LabPolicy.text)
        #expect(try stage.run(["sh", "-ec", script, "sh", stage.machine], as: Stage.root).code == 0)
        let daemon = try stage.startDaemon()
        for words in [["gpus"], ["profiles"], ["instances"], ["devices"], ["request", "1g.5gb"]] {
            let command = try stage.migctl(words, as: Stage.alice)
            #expect(command.code == 1, "\(words): \(command.output)")
            #expect(
                command.errors.contains("DriverUnavailable: the NVIDIA driver does not answer: "), "\(command.errors)")
            #expect(command.errors.contains(problem), "\(command.errors)")
        }
        #expect(try stage.daemonLog().contains("the driver does not answer, so nothing can be changed: "))
        // What does not need the driver goes on.
        #expect(try stage.migctl(["leases"], as: Stage.alice).code == 0)
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
        #expect(try stage.records("health").contains { $0["reason"]?.stringValue?.contains(problem) == true })
        #expect(try daemon.stop() == .exited(0))
    }
}
