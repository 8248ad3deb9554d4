import Linux
import TestSupport
import Testing

@Suite("Unit files")
struct UnitFileTests {
    private static let services = ["migbrokerd.service", "migbroker-nodes.service", "migbroker-ender.service"]
    private static let units = services + ["migbrokerd.socket", "migbroker-ender.socket"]
    private static let hasAnalyze = Command.exists("systemd-analyze")

    private static let folder: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/") + "/systemd"
    }()

    @Test(.enabled(if: hasAnalyze, "needs systemd-analyze"))
    func `systemd understands every line of the units`() throws {
        let directory = try TemporaryDirectory()
        for unit in Self.units {
            // The daemon is not installed here; any program that is will do for its place.
            let text = try Self.text(unit).replacing("/usr/libexec/migbrokerd", with: "/usr/bin/true")
            try Files.write(directory.path(unit), Array(text.utf8))
        }
        let run = try Command.run(
            "systemd-analyze", ["verify", "--man=no"] + Self.units.map { directory.path($0) })
        #expect(run.code == 0)
        #expect(run.errors == "")
    }

    @Test(
        .enabled(if: hasAnalyze, "needs systemd-analyze"),
        arguments: [("migbrokerd.service", 13), ("migbroker-nodes.service", 10), ("migbroker-ender.service", 9)])
    func `a service is exposed no more than its measure`(unit: String, tenths: Int) throws {
        let arguments = ["security", "--offline=true", "--threshold=\(tenths)", "\(Self.folder)/\(unit)"]
        let run = try Command.run("systemd-analyze", arguments)
        #expect(run.code == 0, "\(run.output.split(separator: "\n").last ?? "")")
    }

    @Test(arguments: services)
    func `nothing keeps a service from starting without a driver`(unit: String) throws {
        // A failing condition of a socket-activated service puts the socket out of order for good.
        for line in try Self.lines(unit) {
            #expect(!line.hasPrefix("Assert") && !line.hasPrefix("Condition"), "\(line)")
        }
    }

    @Test func `the daemon and each of its helpers has one capability of its own, and none may gain any`() throws {
        #expect(try Self.values("CapabilityBoundingSet", "migbrokerd.service") == ["CAP_SYS_ADMIN"])
        #expect(try Self.values("CapabilityBoundingSet", "migbroker-nodes.service") == ["CAP_MKNOD"])
        #expect(try Self.values("CapabilityBoundingSet", "migbroker-ender.service") == ["CAP_KILL"])
        for unit in Self.services {
            #expect(try Self.values("NoNewPrivileges", unit) == ["yes"])
            #expect(try Self.values("AmbientCapabilities", unit) == [])
        }
    }

    @Test func `units, links and options agree on paths`() throws {
        let socket = "/run/migbroker/io.migbroker.Broker"
        #expect(try Self.values("ListenStream", "migbrokerd.socket") == [socket])
        let links = try Self.lines("migbroker.tmpfiles.conf").filter { $0.hasPrefix("L+ ") }
        #expect(links == ["L+ /run/varlink/registry/io.migbroker.Broker - - - - \(socket)"])
        #expect(try Self.values("ExecStart", "migbrokerd.service") == ["/usr/libexec/migbrokerd"])
        #expect(try Self.values("ExecStart", "migbroker-nodes.service") == ["/usr/libexec/migbrokerd --make-nodes"])
        let help = try Command.run(BuiltProducts.path(of: "migbrokerd"), ["--help"])
        #expect(help.output.contains("--make-nodes"))
        #expect(help.output.contains(socket))
        let ender = "/run/migbroker/ender"
        #expect(try Self.values("ListenStream", "migbroker-ender.socket") == [ender])
        #expect(try Self.values("ExecStart", "migbroker-ender.service") == ["/usr/libexec/migbrokerd --end-processes"])
        #expect(help.output.contains("--end-processes"))
        #expect(help.output.contains(ender))
    }

    @Test func `the way to root over the service manager is closed`() throws {
        // A process of uid 0 is root again by asking PID 1 over a socket below /run.
        let mounts = try Self.values("TemporaryFileSystem", "migbrokerd.service").joined(separator: " ")
        #expect(mounts.split(separator: " ").contains("/run:ro"))
        let shown = try Self.values("BindReadOnlyPaths", "migbrokerd.service").joined(separator: " ")
            .split(separator: " ").filter { $0.contains("/run/systemd") }
        #expect(
            Set(shown) == ["-/run/systemd/notify", "-/run/systemd/journal", "-/run/systemd/userdb"])
    }

    @Test func `root alone reaches the service that ends processes, and the daemon sees it`() throws {
        #expect(try Self.values("SocketMode", "migbroker-ender.socket") == ["0600"])
        #expect(try Self.values("SocketUser", "migbroker-ender.socket") == [])
        #expect(try Self.values("TemporaryFileSystem", "migbroker-ender.service") == ["/run:ro"])
        #expect(try Self.values("BindReadOnlyPaths", "migbroker-ender.service") == [])
        #expect(try Self.values("BindPaths", "migbroker-ender.service") == [])
        // The directory: of a socket that is made anew the daemon would see the old one for ever.
        #expect(try Self.values("BindReadOnlyPaths", "migbrokerd.service").contains("-/run/migbroker"))
        let wanted = try Self.values("Wants", "migbrokerd.service").joined(separator: " ").split(separator: " ")
        #expect(wanted.contains("migbroker-ender.socket"))
        // A daemon without it works; it says that it cannot end processes.
        #expect(try !Self.values("Requires", "migbrokerd.service").joined().contains("ender"))
    }

    private static func text(_ name: String) throws -> String {
        String(decoding: try Files.read("\(folder)/\(name)"), as: UTF8.self)
    }

    private static func lines(_ name: String) throws -> [String] {
        try text(name).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    /// All values of a key, in order.
    private static func values(_ key: String, _ name: String) throws -> [String] {
        try lines(name).filter { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.utf8.count + 1)) }
    }
}
