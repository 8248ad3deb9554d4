import Linux
import TestSupport
import Testing

/// What `migctl` makes of its command line, without any broker.
@Suite(.enabled(if: BuiltProducts.has("migctl"), "needs the built program migctl"))
struct ClientUsageTests {
    static let verbs = [
        "request", "release", "renew", "leases", "gpus", "profiles", "instances", "devices", "whoami", "explain",
        "policy check", "policy test", "policy show", "audit show", "audit follow", "audit usage", "audit verify",
        "doctor", "mode enable", "mode disable",
        "gi create",
        "gi destroy", "ci create", "ci destroy",
    ]

    private static func migctl(_ line: String) throws -> Command {
        try Command.run(
            BuiltProducts.path(of: "migctl"), line.split(separator: " ").map(String.init), seconds: 20)
    }

    @Test(arguments: [
        "", "bogus", "policy", "audit", "policy bogus", "gpus extra", "gpus --bogus", "gpus --json=1", "--socket",
        "gpus --socket", "request", "request 1g", "request 1g.5gb --memory 20GiB", "request --memory 20GiB --sms 4",
        "request --memory 20GB", "request --memory 20", "request --memory -1GiB", "request --memory 0GiB",
        "request --memory 99999999999999999999GiB", "request --sms 0", "request 1g.5gb --count 0",
        "request 1g.5gb --count 17", "request 1g.5gb --for 2", "request 1g.5gb --for 0h", "request 1g.5gb --for",
        "request 1g.5gb --wait=soon", "request 1g.5gb --gpu card0", "release", "release --all 0123", "renew",
        "renew --for 1h", "leases mine", "profiles --gpu nil", "explain --for ever", "explain not.an.action",
        "audit show --since yesterday", "audit show --since 2026-02-30", "audit follow --since foo:bar",
        "audit usage --until 13:48:99", "audit show --operation xyz", "audit show --limit 0",
        "audit show --type intent --type denied", "audit usage --by user --by=group",
        "request 1g.5gb --for 1h --for 2h", "gpus --root /a --root /b", "audit verify --head 1:abc", "-x",
        "--bogus gpus", "gpus -- extra",
        "mode", "gi", "ci", "mode on", "mode enable 0", "mode enable --gpu card0", "mode disable --gpu 0,",
        "mode enable --plan", "mode enable --plan xyz", "mode disable --plan 0123", "gi create", "gi create 9,",
        "gi create 9:", "gi create 9:x", "gi create 9:-1", "gi create 9 --gpu card0", "gi create 9 --for soon",
        "gi create 9 --plan 00", "gi create 9 -c", "gi destroy", "gi destroy --all 1", "gi destroy --everybody",
        "gi destroy 0:1:2", "gi destroy 1,", "gi destroy x", "gi destroy -1", "ci create 9:x", "ci create 0,,0",
        "ci destroy", "ci destroy --all 0", "ci destroy --everybody", "ci destroy 0:1:2:3", "ci destroy 0",
    ])
    func `a command line that makes no sense is refused with a pointer to help`(line: String) throws {
        let run = try Self.migctl(line)
        #expect(run.code == 2)
        #expect(run.output.isEmpty)
        let lines = run.errors.split(separator: "\n")
        #expect((2...3).contains(lines.count) && lines.allSatisfy { $0.hasPrefix("migctl: ") }, "\(run.errors)")
        #expect(run.errors.contains("--help'"))
    }

    @Test(arguments: verbs)
    func `every verb explains itself on standard output`(verb: String) throws {
        for line in ["\(verb) --help", "--help \(verb)", "help \(verb)", "\(verb) -h --socket /nowhere"] {
            let run = try Self.migctl(line)
            #expect(run.code == 0 && run.errors.isEmpty)
            #expect(run.output.hasPrefix("Usage: migctl \(verb)"))
            #expect(run.output.split(separator: "\n").allSatisfy { $0.count <= 120 && $0.last != " " })
        }
    }

    @Test func `the overview names every verb`() throws {
        let run = try Self.migctl("--help")
        #expect(run.code == 0 && run.errors.isEmpty)
        for verb in Self.verbs { #expect(run.output.contains("\n  \(verb) ")) }
        #expect(try Self.migctl("policy --help").output.contains("policy show"))
        #expect(try !Self.migctl("policy --help").output.contains("audit show"))
    }

    @Test(arguments: [
        "gpus", "leases --all", "profiles --gpu 0", "instances", "devices", "whoami", "explain 1g.5gb",
        "request 1g.5gb --for 2h --count 2 --name x", "request --memory 20GiB", "request --sms 40",
        "release 0123456789abcdef0123456789abcdef", "release --all", "renew 01", "audit show", "audit verify",
    ])
    func `without a broker every verb says where it looked`(line: String) throws {
        for line in ["--root /nonexistent \(line)", "\(line) --root=/nonexistent/"] {
            let run = try Self.migctl(line)
            #expect(run.code == 9)
            #expect(run.output.isEmpty)
            #expect(run.errors.split(separator: "\n").count == 3)
            #expect(run.errors.contains("/nonexistent/run/migbroker/io.migbroker.Broker"))
        }
    }

    @Test(.enabled(if: Command.exists("python3"), "needs python3"))
    func `a listener that is not root's gets nothing`() throws {
        let home = try TemporaryDirectory()
        try Files.setMode(home.path, 0o777)
        let socket = home.path("socket")
        let script = """
            import os, socket, sys
            if os.getuid() == 0: os.setgid(65533); os.setuid(65533)
            s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
            c, _ = s.accept()
            sys.stderr.write('heard %r' % c.recv(100))
            """
        let log = home.path("log")
        let listener = try KeptProcess("python3", ["-c", script, socket], errors: log)
        try listener.waitUntil("somebody listens") { Files.exists(socket) }
        var run = try Self.migctl("--socket \(socket) whoami")
        // The socket is there a moment before it is listened on.
        for _ in 0..<100 where run.errors.contains("ECONNREFUSED") {
            Clock.sleep(milliseconds: 20)
            run = try Self.migctl("--socket \(socket) whoami")
        }
        #expect(run.code == 9)
        #expect(run.errors.contains("not root") && run.errors.contains("nothing was sent"))
        _ = try listener.waitForEnd(seconds: 20)
        #expect(try String(decoding: Files.read(log), as: UTF8.self) == "heard b''")
    }

    @Test func `results can be kept from a full disk no more than from anyone`() throws {
        try #require(Files.exists("/dev/full"))
        let run = try Command.run(
            "sh", ["-c", "exec \(BuiltProducts.path(of: "migctl")) --help > /dev/full"], seconds: 20)
        #expect(run.code == 1)
        #expect(run.errors.contains("could not be written"))
    }

    @Test func `the client has no name of the driver or of capabilities in it`() throws {
        for name in ["nvmlInit", "libnvidia-ml", "cap_set_proc", "libcap.so"] {
            let run = try Command.run("grep", ["-qaF", name, BuiltProducts.path(of: "migctl")])
            #expect(run.code == 1, "\(name)")
        }
    }
}
