import Linux
import TestSupport
import Testing

/// The units as they are shipped, under the system's own systemd.
@Suite("Under systemd", .enabled(if: BootedHost.obstacle == nil, "\(BootedHost.obstacle ?? "")"), .serialized)
struct SystemdTests {
    private static func policy(slices: Int = 3, extra: String = "") -> String {
        """
        {"version": 1,
         "allow": [
            {"id": "read", "who": {"users": ["alice", "bob", "root"]}, "actions": ["read.own"]},
            {"id": "slices", "who": {"users": ["alice"]}, "actions": ["request", "release.own", "renew.own"]},
            {"id": "admin", "who": {"users": ["root"]}, "actions": ["audit.read", "policy.read", "policy.reload"]}
         ],
         "limits": [
            {"id": "each", "who": {"users": ["alice"]}, "scope": "user", "slices": \(slices)\(extra)}
         ]}
        """
    }

    /// The id of a lease that alice gets.
    private static func request(_ host: BootedHost) throws -> String {
        let answer = try host.user("alice", "migctl", "request", "1g.5gb", "--json")
        let journal = answer.code == 0 ? "" : try host.root("journalctl", "-u", "migbrokerd").output
        try #require(answer.code == 0, "\(answer.errors)\(journal)")
        return try #require(Self.ids(answer.output).first)
    }

    private static func leases(_ host: BootedHost) throws -> [String] {
        ids(try host.user("alice", "migctl", "leases", "--json").output)
    }

    private static func ids(_ json: String) -> [String] {
        json.matches(of: /"id" ?: ?"([0-9a-f]{32})"/).map { String($0.1) }
    }

    @Test func `the README's lines install it, the first client starts it, and each part has its own right only`()
        throws
    {
        let host = try BootedHost(policy: Self.policy())
        #expect(try host.root("systemctl", "--failed", "--plain", "--no-legend").output == "")
        #expect(try host.show("ActiveState", of: "migbrokerd.service") == "inactive")
        #expect(try host.show("Result", of: "migbroker-nodes.service") == "success")
        let lease = try Self.request(host)
        #expect(try host.show("ActiveState", of: "migbrokerd.service") == "active")
        #expect(try host.user("bob", "migctl", "request", "1g.5gb").errors.contains("NotAuthorized"))

        let process = try host.show("MainPID", of: "migbrokerd.service")
        let status = try host.root("cat", "/proc/\(process)/status").output
        // CAP_SYS_ADMIN is bit 21.
        for set in ["CapPrm", "CapEff", "CapBnd"] { #expect(status.contains("\(set):\t0000000000200000\n"), "\(set)") }
        #expect(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"))
        for (unit, tenths) in [("migbrokerd", 13), ("migbroker-nodes", 10), ("migbroker-ender", 9)] {
            let exposure = try host.root("systemd-analyze", "security", "--threshold=\(tenths)", "\(unit).service")
            #expect(exposure.code == 0, "\(exposure.output.suffix(200))")
        }

        // Who has the slice gets in, and nobody else.
        let shown = try host.root("sh", "-c", "getfacl -cn /dev/nvidia-caps/nvidia-cap* | grep '^user:[0-9]'").output
        let alice = try host.root("id", "-u", "alice").output.filter { $0 != "\n" }
        #expect(shown == "user:\(alice):r--\nuser:\(alice):r--\n", "\(shown)")

        // The journal has it under the lease's id, from root, and what it knows of the log's heads is so.
        let entries = try host.root("journalctl", "--output=cat", "_UID=0", "MIGBROKER_LEASE=\(lease)").output
        #expect(entries.contains("alice") && entries.split(separator: "\n").count >= 2, "\(entries)")
        let heads = "journalctl _UID=0 -t migbrokerd -o json | migctl audit verify /var/log/migbroker --heads -"
        let verified = try host.root("sh", "-c", heads)
        #expect(verified.code == 0, "\(verified.errors)\(verified.output)")
        let health = try host.root("migctl", "doctor")
        #expect(health.output.contains("the journal is told every record"), "\(health.output)")
    }

    @Test func `systemctl reload puts another policy in force, or keeps the last good one and says so`() throws {
        let host = try BootedHost(policy: Self.policy(slices: 1))
        _ = try Self.request(host)
        #expect(try host.user("alice", "migctl", "request", "1g.5gb").errors.contains("QuotaExceeded"))
        try host.write(Self.policy(slices: 2), to: "/etc/migbroker/policy.json")
        #expect(try host.root("systemctl", "reload", "migbrokerd").code == 0)
        try host.waitUntil("the second slice is allowed") {
            try host.user("alice", "migctl", "request", "1g.5gb").code == 0
        }
        try host.write("{\"version\": 1, \"allow\": [", to: "/etc/migbroker/policy.json")
        _ = try host.root("systemctl", "reload", "migbrokerd")
        try host.waitUntil("the bad file is told of") {
            try host.root("migctl", "policy", "show").errors.contains("policy.json:1:")
        }
        #expect(try host.user("alice", "migctl", "request", "1g.5gb").errors.contains("limit each"))
        #expect(try host.show("ActiveState", of: "migbrokerd.service") == "active")
        #expect(try host.root("migctl", "audit", "show", "--type", "policy-rejected").output.contains("policy.json:1:"))
    }

    @Test func `leases outlive a restart, a kill and a hang of the daemon`() throws {
        let host = try BootedHost(policy: Self.policy())
        let lease = try Self.request(host)
        func process() throws -> String { try host.show("MainPID", of: "migbrokerd.service") }
        let first = try process()
        #expect(try host.root("systemctl", "restart", "migbrokerd").code == 0)
        #expect(try Self.leases(host) == [lease])

        let second = try process()
        #expect(second != first)
        #expect(try host.root("kill", "-9", second).code == 0)
        try host.waitUntil("systemd starts it again") { try !["0", second].contains(process()) }
        #expect(try Self.leases(host) == [lease])

        // Two seconds instead of thirty, for the test's sake.
        #expect(try host.root("mkdir", "-p", "/run/systemd/system/migbrokerd.service.d").code == 0)
        try host.write("[Service]\nWatchdogSec=2s\n", to: "/run/systemd/system/migbrokerd.service.d/watchdog.conf")
        #expect(try host.root("systemctl", "daemon-reload").code == 0)
        #expect(try host.root("systemctl", "restart", "migbrokerd").code == 0)
        let third = try process()
        #expect(try host.root("kill", "-STOP", third).code == 0)
        try host.waitUntil("the watchdog has it started again") { try !["0", third].contains(process()) }
        #expect(try Self.leases(host) == [lease])

        // While it is stopped, whoever asks starts it.
        #expect(try host.root("systemctl", "stop", "migbrokerd.service").code == 0)
        #expect(try Self.leases(host) == [lease])
        #expect(try host.root("migctl", "audit", "verify").code == 0)
    }

    @Test func `at the end of a lease the service that may end processes is started, and ends what is left`() throws {
        let host = try BootedHost(policy: Self.policy(extra: #", "onExpiry": "kill""#))
        let answer = try host.user("alice", "migctl", "request", "1g.5gb", "--for", "10s", "--json")
        let device = try #require(answer.output.firstMatch(of: /MIG-[0-9a-f-]{36}/).map { String($0.0) })
        #expect(try host.show("ActiveState", of: "migbroker-ender.service") == "inactive")
        let holder = try host.start(
            as: "alice", ["/srv/bin/migsim", "hold", "/srv/machine", "--device", device, "--", "sleep", "1000"])
        #expect(try holder.waitForEnd().shellCode == 128 + 15)
        try host.waitUntil("the lease is gone") { try Self.leases(host) == [] }
        #expect(try host.show("ActiveState", of: "migbroker-ender.service") == "active")
    }

    @Test func `a key made while it is stopped seals what it writes from then on`() throws {
        let host = try BootedHost(policy: Self.policy())
        _ = try Self.request(host)
        #expect(try host.root("systemctl", "stop", "migbrokerd.service", "migbrokerd.socket").code == 0)
        let made = try host.root("script", "-qec", "/usr/libexec/migbrokerd --init-audit-key", "/dev/null")
        let key = try #require(made.output.firstMatch(of: /0:[0-9a-f]{64}/).map { String($0.0) }, "\(made.output)")
        #expect(try host.root("systemctl", "start", "migbrokerd.socket").code == 0)
        _ = try Self.request(host)
        #expect(try host.root("systemctl", "stop", "migbrokerd.service").code == 0)
        try host.write(key + "\n", to: "/run/key")
        let verified = try host.root("migctl", "audit", "verify", "/var/log/migbroker", "--key", "/run/key")
        #expect(verified.code == 0, "\(verified.errors)")
        #expect(verified.errors.contains("its seals were made with the key: 2 seals"), "\(verified.errors)")
    }
}
