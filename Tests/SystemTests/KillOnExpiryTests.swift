import JSON
import Linux
import TestSupport
import Testing

@Suite(
    "A lease whose limit says onExpiry: kill", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .serialized)
struct KillOnExpiryTests {
    /// Ignores SIGTERM, as what it executes does then.
    static let stubborn = ["sh", "-c", "trap '' TERM; exec sleep 1000"]

    private static func request(_ stage: Stage, for span: String = "5s", as person: Stage.Person = Stage.alice) throws {
        let command = try stage.migctl(["request", "1g.5gb", "--for", span], as: person)
        try #require(command.code == 0, "\(command.errors)")
    }

    @Test func `has its owner's process asked to end, and then its slice goes`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        let ender = try stage.startEnder()
        // Nobody who is asked only is tried again in time: the signal that ends the process is the first.
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1000"])
        try Self.request(stage)
        let shown = try stage.objects(["leases"], "leases", as: Stage.alice).first
        #expect(shown?["onExpiry"]?.stringValue == "kill")
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        let holder = try stage.hold(sliceOf: Stage.alice, as: Stage.alice)
        #expect(try holder.waitForEnd() == .signalled(15))
        try daemon.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        try daemon.waitUntil("the lease is gone") { try stage.leases(of: Stage.alice) == [] }
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .refused) }
        #expect(try stage.signals() == ["TERM \(holder.pid)"])
        let record = try #require(try stage.records("revoke").last { $0["params"] != nil })
        #expect(record["params"]?.stringValue == "signal=TERM pid=\(holder.pid) uid=2001 comm=sleep")
        #expect(record["onBehalfOf"]?.integerValue == 2001 && record["uid"] == nil && record["pid"] == nil)
        #expect(record["onExpiry"]?.stringValue == "kill" && record["method"]?.stringValue == "Expire")
        let end = try #require(try stage.records("lease-end").last)
        #expect(end["reason"]?.stringValue == "expired" && end["lease"]?.stringValue == record["lease"]?.stringValue)
        #expect(try #require(record["seq"]?.integerValue) < (try #require(end["seq"]?.integerValue)))
        #expect(try stage.migctl(["audit", "verify"], as: Stage.dave).code == 0)
        _ = ender
    }

    @Test func `has a process killed at the next try that does not end when it is asked`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        let ender = try stage.startEnder()
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage)
        let holder = try stage.hold(sliceOf: Stage.alice, as: Stage.alice, Self.stubborn)
        #expect(try holder.waitForEnd() == .signalled(9))
        try daemon.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        #expect(try stage.signals() == ["TERM \(holder.pid)", "KILL \(holder.pid)"])
        _ = ender
    }

    @Test func `does nothing to processes of others, root's included, and names them as what keeps the slice`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        let ender = try stage.startEnder()
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage, for: "8s")
        let roots = try stage.hold(sliceOf: Stage.alice, as: Stage.root)
        // The node was opened by root, and what computes there runs as bob.
        let bobs = try stage.hold(
            sliceOf: Stage.alice, as: Stage.root,
            ["setpriv", "--reuid", "2002", "--regid", "2002", "--clear-groups", "--", "sleep", "1000"])
        let own = try stage.hold(sliceOf: Stage.alice, as: Stage.alice, Self.stubborn)
        #expect(try own.waitForEnd() == .signalled(9))
        for holder in [roots, bobs] {
            try daemon.waitUntil("it is named") { try stage.health("process \(holder.pid) ").count == 1 }
        }
        #expect(try stage.leaseState(of: Stage.alice) == "ending")
        #expect(try stage.machine().instances == 1)
        #expect(try stage.signals() == ["TERM \(own.pid)", "KILL \(own.pid)"])
        #expect(try roots.poll() == nil && bobs.poll() == nil)
        #expect(try stage.daemonLog().contains("process \(bobs.pid) keeps the slice"))
        bobs.end()
        roots.end()
        try daemon.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        #expect(try stage.health("keeps the slice").count == 2)
        _ = ender
    }

    @Test func `waits as any other while the service is not there, says so once, and goes on when it is`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage)
        try Self.request(stage, as: Stage.bob)
        let holders = [
            try stage.hold(sliceOf: Stage.alice, as: Stage.alice), try stage.hold(sliceOf: Stage.bob, as: Stage.bob),
        ]
        for person in [Stage.alice, Stage.bob] {
            try daemon.waitUntil("the lease is ending") { try stage.leaseState(of: person) == "ending" }
        }
        try daemon.waitUntil("it is on record") { try !stage.health("cannot be ended").isEmpty }
        #expect(try holders.allSatisfy { try $0.poll() == nil })
        #expect(try stage.signals() == [])
        let ender = try stage.startEnder()
        for holder in holders { #expect(try holder.waitForEnd() == .signalled(15)) }
        try daemon.waitUntil("the slices are gone") { try stage.machine().instances == 0 }
        // Two leases met a service that was not there, each at every try.
        #expect(try stage.health("cannot be ended").count == 1)
        #expect(try stage.daemonLog().contains("cannot be ended: connect \(stage.ender)"))
        _ = ender
    }

    @Test func `is not taken up by a service that hangs, and neither are other changes`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        try Files.makeDirectories("\(stage.broker)/run/migbroker", mode: 0o755)
        let listener = try UnixListener(at: stage.ender, mode: 0o600)
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage)
        let holder = try stage.hold(sliceOf: Stage.alice, as: Stage.alice)
        var kept: [Kept] = []
        // It takes every connection and every question, and never answers.
        try daemon.waitUntil("it was asked three times") {
            if let stream = try listener.accept() { kept.append(Kept(stream)) }
            return kept.count == 3
        }
        #expect(try stage.leaseState(of: Stage.alice) == "ending" && holder.poll() == nil)
        #expect(try stage.signals() == [])
        #expect(try stage.health("cannot be ended").count == 1)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        #expect(try stage.migctl(["release", "--all"], as: Stage.bob).code == 0)
    }

    @Test func `is not outlived by a process in very many groups, nor does that one shield others`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        let ender = try stage.startEnder()
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage, for: "8s")
        let holders = [
            try stage.hold(
                sliceOf: Stage.alice, as: Stage.root,
                ["setpriv", "--reuid", "2001", "--groups", EnderTests.manyGroups, "--"] + Self.stubborn),
            try stage.hold(sliceOf: Stage.alice, as: Stage.alice),
        ]
        #expect(try holders[1].waitForEnd() == .signalled(15))
        #expect(try holders[0].waitForEnd() == .signalled(9))
        try daemon.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        _ = ender
    }

    @Test(arguments: [HoldingError.notAllowed, .unreadable])
    func `ends the other processes where one cannot be ended`(_ error: HoldingError) throws {
        let stage = try Stage(policy: KillPolicy.text)
        try Files.makeDirectories("\(stage.broker)/run/migbroker", mode: 0o755)
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage, for: "8s")
        let holders = [
            try stage.hold(sliceOf: Stage.alice, as: Stage.alice),
            try stage.hold(sliceOf: Stage.alice, as: Stage.alice),
        ]
        // The first that it is asked about is one that it may not hold, or cannot read.
        let script = """
            import os, signal, socket, struct, sys
            s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8)
            first = None
            while True:
                c = s.accept()[0]
                while q := c.recv(12):
                    deed, pid = q[1], struct.unpack('<i', q[4:8])[0]
                    first = first or pid
                    if deed == 2 or deed == 3: os.kill(pid, signal.SIGTERM)
                    c.send(bytes([1, \(error.rawValue) if pid == first else 0]) + bytes(62))
            """
        let service = try stage.start(["python3", "-c", script, stage.ender], as: Stage.root)
        try daemon.waitUntil("one has ended") { try holders.contains { try $0.poll() != nil } }
        let ended = try #require(try holders.first { try $0.poll() != nil })
        let spared = try #require(holders.first { $0.pid != ended.pid })
        #expect(try ended.waitForEnd() == .signalled(15) && spared.poll() == nil)
        let text = error == .notAllowed ? "cannot be ended: " : "process \(spared.pid) "
        try daemon.waitUntil("it is told") { try stage.health(text).contains { $0.contains("\(error)") } }
        #expect(try stage.signals() == ["TERM \(ended.pid)"])
        _ = service
    }

    @Test func `is not taken up by a service that is not root's`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        try Files.makeDirectories("\(stage.broker)/run/migbroker", mode: 0o777)
        try Files.setMode("\(stage.broker)/run/migbroker", 0o777)
        let script = """
            import os, socket, sys
            s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777); s.listen(8)
            while True:
                c = s.accept()[0]
                try: c.recv(12); c.send(bytes([1]) + bytes(63))
                except OSError: pass
            """
        let impostor = try stage.start(["python3", "-c", script, stage.ender], as: Stage.carol)
        let path = stage.ender
        try impostor.waitUntil("it listens") { (try? UnixStream(connectingTo: path, milliseconds: 100)) != nil }
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage)
        let holder = try stage.hold(sliceOf: Stage.alice, as: Stage.alice)
        try daemon.waitUntil("it is on record") { try !stage.health("(EPERM)").isEmpty }
        #expect(try stage.signals() == [] && holder.poll() == nil)
        #expect(try stage.leaseState(of: Stage.alice) == "ending")
    }

    @Test(arguments: [true, false])
    func `is gone on with by a daemon that was killed in between`(_ hasCheckpoint: Bool) throws {
        let stage = try Stage(policy: KillPolicy.text)
        let ender = try stage.startEnder()
        let first = try stage.startDaemon(["--limit", "retrySeconds=1000"])
        try Self.request(stage)
        let holder = try stage.hold(sliceOf: Stage.alice, as: Stage.alice, Self.stubborn)
        try first.waitUntil("the process was asked to end") { try stage.signals().count == 1 }
        let checkpoint = "\(stage.broker)/var/lib/migbroker/checkpoint.json"
        if hasCheckpoint {
            try first.waitUntil("the checkpoint knows it") {
                String(decoding: try Files.read(checkpoint), as: UTF8.self).contains(#""onExpiry":"kill""#)
            }
        }
        first.end()
        if !hasCheckpoint { try? Files.remove(checkpoint) }
        let second = try stage.startDaemon(["--limit", "retrySeconds=1"])
        #expect(try holder.waitForEnd() == .signalled(9))
        try second.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        // The new daemon asks before it kills.
        #expect(try stage.signals() == ["TERM \(holder.pid)", "TERM \(holder.pid)", "KILL \(holder.pid)"])
        #expect(try stage.records("lease-end").count == 1)
        _ = ender
    }

    @Test func `has the processes of an owner who is gone ended too, before its time is over`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        let ender = try stage.startEnder()
        let daemon = try stage.startDaemon(
            ["retrySeconds=1", "ownerSeconds=1", "lookupCacheSeconds=1"].flatMap { ["--limit", $0] })
        try Self.request(stage, for: "1h")
        let holder = try stage.hold(sliceOf: Stage.alice, as: Stage.alice, Self.stubborn)
        let path = "\(stage.path)/etc/passwd"
        let rest = String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n")
            .filter { !$0.hasPrefix("alice:") }.joined(separator: "\n")
        // The file is bind-mounted, so it must be changed in place.
        try Files.open(path, [.write, .truncate]).write(Array("\(rest)\n".utf8))
        #expect(try holder.waitForEnd() == .signalled(9))
        try daemon.waitUntil("the slice is gone") { try stage.machine().instances == 0 }
        try daemon.waitUntil("its end is on record") { try !stage.records("lease-end").isEmpty }
        #expect(try stage.records("lease-end").last?["reason"]?.stringValue == "owner-vanished")
        #expect(try stage.signals() == ["TERM \(holder.pid)", "KILL \(holder.pid)"])
        _ = ender
    }

    @Test func `stays its owner's own busy slice when he releases it`() throws {
        let stage = try Stage(policy: KillPolicy.text)
        let ender = try stage.startEnder()
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage, for: "1h")
        let nodes = try #require(try stage.nodes(of: Stage.alice).first)
        let holder = try stage.hold(sliceOf: Stage.alice, as: Stage.alice)
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 5)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        #expect(try stage.migctl(["release", lease, "--yes"], as: Stage.root).code == 5)
        #expect(try stage.leaseState(of: Stage.alice) == "active")
        for node in nodes { #expect(try stage.opens(node, as: Stage.alice) == .allowed) }
        #expect(try stage.signals() == [] && holder.poll() == nil)
        _ = (daemon, ender)
    }

    @Test func `is not what another lease is, of which no process is ended`() throws {
        // For bob alone.
        let limit = #"{ "id": "bobs", "who": { "users": ["bob"] }, "scope": "user", "onExpiry": "kill" },"#
        let stage = try Stage(policy: LabPolicy.text.replacing(#""limits": ["#, with: #""limits": [\#(limit)"#))
        let ender = try stage.startEnder()
        let daemon = try stage.startDaemon(["--limit", "retrySeconds=1"])
        try Self.request(stage)
        let alices = try stage.hold(sliceOf: Stage.alice, as: Stage.alice)
        try daemon.waitUntil("it is ending") { try stage.leaseState(of: Stage.alice) == "ending" }
        try Self.request(stage, as: Stage.bob)
        let bobs = try stage.hold(sliceOf: Stage.bob, as: Stage.bob, Self.stubborn)
        #expect(try bobs.waitForEnd() == .signalled(9))
        try daemon.waitUntil("bob's lease is gone") { try stage.leases(of: Stage.bob) == [] }
        #expect(try stage.signals() == ["TERM \(bobs.pid)", "KILL \(bobs.pid)"])
        #expect(try stage.leaseState(of: Stage.alice) == "ending" && alices.poll() == nil)
        #expect(try stage.objects(["leases"], "leases", as: Stage.alice).first?["onExpiry"] == nil)
        _ = ender
    }

    @Test(arguments: [true, false]) func `is what the decision about its last renewal says`(_ kills: Bool) throws {
        let texts = [LabPolicy.text, KillPolicy.text]
        let stage = try Stage(policy: texts[kills ? 0 : 1])
        let first = try stage.startDaemon()
        try Self.request(stage, for: "1h")
        func mark() throws -> String? {
            try stage.objects(["leases"], "leases", as: Stage.alice).first?["onExpiry"]?.stringValue
        }
        #expect(try mark() == (kills ? nil : "kill"))
        try Files.write(stage.policy, Array(texts[kills ? 1 : 0].utf8), mode: 0o644)
        first.signal(1)
        try first.waitUntil("the other policy holds") { try stage.records("policy-loaded").count == 2 }
        #expect(try mark() == (kills ? nil : "kill"))
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        #expect(try stage.migctl(["renew", lease, "--for", "2h"], as: Stage.alice).code == 0)
        #expect(try mark() == (kills ? "kill" : nil))
        first.end()
        try? Files.remove("\(stage.broker)/var/lib/migbroker/checkpoint.json")
        let second = try stage.startDaemon()
        #expect(try mark() == (kills ? "kill" : nil))
        _ = second
    }
}

/// A connection that is kept open.
private final class Kept {
    private let stream: UnixStream
    init(_ stream: consuming UnixStream) { self.stream = stream }
}
