import JSON
import Linux
import TestSupport
import Testing

/// A user database that fails or hangs is an error of its own, never a missing group (threats T8 and T9).
@Suite("User database", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct UserDatabaseTests {
    /// A daemon with mounts of its own, so that its user database can break while that of its clients stays.
    private struct Scene {
        let stage: Stage
        let daemon: KeptProcess

        init(policy: String = LabPolicy.text, cacheSeconds: Int, _ options: [String] = []) throws {
            stage = try Stage(policy: policy)
            daemon = try stage.start(
                [
                    "unshare", "--mount", "--propagation", "private", "\(stage.path)/bin/migbrokerd", "--root",
                    stage.broker, "--driver", stage.machine, "--limit", "lookupCacheSeconds=\(cacheSeconds)",
                ] + options, as: Stage.root)
            let stage = stage
            try daemon.waitUntil("the daemon answers") { try stage.migctl(["whoami"], as: Stage.root).code == 0 }
        }

        /// Puts something else in the place of a file that the daemon sees.
        func cover(_ file: String, with source: String) throws { try inside("mount", "--bind", source, file) }

        func uncover(_ file: String) throws { try inside("umount", "--lazy", file) }

        private func inside(_ words: String...) throws {
            let ran = try Command.run("nsenter", ["--mount=/proc/\(daemon.pid)/ns/mnt", "--"] + words)
            guard ran.code == 0 else { throw StageError(what: ran.errors) }
        }

        func fifo() throws -> String {
            let path = "\(stage.path)/fifo"
            guard try Command.run("mkfifo", [path]).code == 0 else { throw StageError(what: "no FIFO") }
            return path
        }

        /// How many threads of the daemon look up names, those that hang included.
        func nameThreads() throws -> Int {
            let tasks = "/proc/\(daemon.pid)/task"
            return try Files.list(tasks).count { try Files.read("\(tasks)/\($0)/comm").elementsEqual("names\n".utf8) }
        }

        func file(_ name: String, _ text: String, mode: UInt32) throws -> String {
            let path = "\(stage.path)/\(name)"
            try Files.write(path, Array(text.utf8))
            try Files.setMode(path, mode)
            return path
        }
    }

    @Test(arguments: ["/etc/passwd", "/etc/group"])
    func `while a look-up hangs its caller is told in three seconds, and others go on`(file: String) throws {
        let scene = try Scene(cacheSeconds: 600)
        let stage = scene.stage
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        try scene.cover(file, with: try scene.fifo())
        // Nobody ever writes to the FIFO, so whoever opens it waits for good. bob has not been looked up yet.
        let began = Clock.monotonic()
        let answers = try stage.exchange([Stage.call("Request", #"{"profiles":["1g.5gb"]}"#)], as: Stage.bob)
        #expect(answers[0].error == "IdentityUnavailable", "\(answers[0])")
        #expect(Clock.monotonic() - began < 4_000_000_000)
        // She was looked up before: her reads and changes go on, and so does what asks the database for names.
        for verb in ["gpus", "leases", "whoami", "audit show"] {
            let command = try stage.migctl(verb.split(separator: " ").map(String.init), as: Stage.alice)
            #expect(command.code == 0, "\(verb): \(command.errors)")
        }
        #expect(try stage.migctl(["release", "--all"], as: Stage.alice).code == 0)
        let told = try stage.migctl(["request", "1g.5gb"], as: Stage.carol)
        #expect(told.code == 3)
        #expect(
            told.errors == """
                migctl: cannot get 1g.5gb
                migctl: IdentityUnavailable: your identity could not be established: the user database did not answer in 2 s
                migctl: try again; if it stays, tell the administrator

                """)
        #expect(try stage.records("denied").contains { $0["error"]?.stringValue == "IdentityUnavailable" })
        // Once it answers again, so does the broker.
        try scene.uncover(file)
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.bob).code == 0)
        #expect(try scene.daemon.stop() == .exited(0))
    }

    @Test func `many who hang do not keep the daemon from ending or from others`() throws {
        let scene = try Scene(cacheSeconds: 600)
        let stage = scene.stage
        try scene.cover("/etc/passwd", with: try scene.fifo())
        let crowd = try Stage.crowd.map { person in
            try stage.start(["\(stage.path)/bin/migctl", "--root", stage.broker, "gpus"], as: person)
        }
        for client in crowd { #expect(try client.waitForEnd(seconds: 30) == .exited(3)) }
        // Those who waited for one thread cost one, not each its own.
        #expect(try scene.nameThreads() < crowd.count)
        #expect(try stage.migctl(["gpus"], as: Stage.root).code == 0)
        #expect(try scene.daemon.stop() == .exited(0))
    }

    @Test(.enabled(if: Tracer.obstacle == nil, "\(Tracer.obstacle ?? "")"))
    func `a caller whose groups take long to name does not lock others out`() throws {
        let scene = try Scene(cacheSeconds: 600)
        let stage = scene.stage
        let alice = Stage.Person("alice", uid: 2001, gid: 2001, groups: [3001] + (4000..<4060))
        #expect(try stage.migctl(["gpus"], as: alice).code == 0)
        // Every look-up of a group takes a fifth of a second.
        let slowness = try stage.start(
            Tracer.words(delaying: "openat", of: "/etc/group", microseconds: 200_000, in: scene.daemon.pid),
            as: Stage.root)
        try slowness.waitUntil("it traces") {
            String(decoding: try Files.read("/proc/\(scene.daemon.pid)/status"), as: UTF8.self)
                .contains("TracerPid:\t\(slowness.pid)\n")
        }
        let asker = try stage.start(["\(stage.path)/bin/migctl", "--root", stage.broker, "whoami"], as: alice)
        for person in [Stage.bob] + Stage.crowd.prefix(2) {
            let told = try stage.migctl(["request", "1g.5gb"], as: person)
            #expect(told.code == 0, "\(told.errors)")
        }
        #expect(try asker.waitForEnd(seconds: 30) == .exited(0))
        #expect(try scene.nameThreads() == 1)
    }

    @Test(arguments: ["/etc/passwd", "/etc/group"])
    func `a database that cannot be read is no answer, and a deny rule loses no group by it`(file: String) throws {
        let policy = """
            { "version": 1,
              "allow": [ { "id": "all", "who": { "users": ["alice", "bob"] }, "actions": ["read.own", "request"] } ],
              "deny": [ { "id": "no-ml", "who": { "groups": ["ml"] }, "actions": ["request"] } ] }
            """
        let scene = try Scene(policy: policy, cacheSeconds: 1)
        let stage = scene.stage
        // In the database she is in ml; her session has dropped the group.
        let alice = Stage.alice.without(group: Stage.ml)
        let denied = try stage.migctl(["request", "1g.5gb"], as: alice)
        #expect(denied.errors.contains("rule no-ml denies request of 1g.5gb"), "\(denied.errors)")
        try scene.cover(file, with: try scene.file("closed", "", mode: 0))
        Clock.sleep(milliseconds: 1100)
        let failed = try stage.migctl(["request", "1g.5gb"], as: alice)
        #expect(failed.code == 3)
        #expect(failed.errors.contains("IdentityUnavailable"), "\(failed.errors)")
        #expect(try stage.machine().instances == 0)
        try scene.uncover(file)
        #expect(try stage.migctl(["request", "1g.5gb"], as: alice).errors.contains("no-ml"))
        #expect(try stage.records("intent").isEmpty)
    }

    @Test func `a deleted user's leases end, once two looks in a row do not find him`() throws {
        let scene = try Scene(cacheSeconds: 1, ["--limit", "ownerSeconds=2"])
        let stage = scene.stage
        for person in [Stage.alice, Stage.bob] {
            #expect(try stage.migctl(["request", "1g.5gb"], as: person).code == 0)
        }
        // A database that cannot be read says nothing about anybody.
        try scene.cover("/etc/passwd", with: try scene.file("closed", "", mode: 0))
        Clock.sleep(milliseconds: 7000)
        #expect(try stage.machine().instances == 2)
        try scene.uncover("/etc/passwd")
        let rest = "root:x:0:0::/root:/bin/sh\nbob:x:2002:2002::/:/bin/sh\n"
        try scene.cover("/etc/passwd", with: try scene.file("passwd", rest, mode: 0o644))
        try scene.daemon.waitUntil("her lease has ended") { try stage.machine().instances == 1 }
        let end = try #require(try stage.records("lease-end").last)
        #expect(end["reason"]?.stringValue == "owner-vanished")
        #expect(end["onBehalfOf"]?.integerValue == 2001 && end["uid"] == nil)
        #expect(try stage.leases(of: Stage.bob).count == 1)
        #expect(try stage.violations() == [])
    }

    @Test func `who is given a deleted user's number gets none of his slices`() throws {
        let scene = try Scene(cacheSeconds: 1, ["--limit", "ownerSeconds=3600"])
        let stage = scene.stage
        #expect(try stage.migctl(["request", "1g.5gb"], as: Stage.alice).code == 0)
        let lease = try #require(try stage.leases(of: Stage.alice).first)
        let nodes = try stage.nodes(of: Stage.alice).joined()
        // A process of hers holds the slice, so that its end takes longer than the first question.
        let device = try stage.objects(["devices"], "devices", as: Stage.alice).first?["uuid"]?.stringValue
        let holder = try stage.hold(try #require(device), as: Stage.alice)
        let rest = "root:x:0:0::/root:/bin/sh\n../../etc/x:x:2001:2001::/:/bin/sh\n"
        try scene.cover("/etc/passwd", with: try scene.file("passwd", rest, mode: 0o644))
        try scene.cover(
            "/etc/group", with: try scene.file("group", "ml:x:3001:../../etc/x\nroot:x:0:\nw:x:2001:\n", mode: 0o644))
        Clock.sleep(milliseconds: 1100)
        // The same number, another name.
        #expect(try stage.leases(of: Stage.alice) == [])
        for verb in [["release", lease], ["renew", lease]] {
            let told = try stage.migctl(verb, as: Stage.alice)
            #expect(told.code == 4, "\(verb): \(told.errors)")
        }
        try scene.daemon.waitUntil("the access is gone") {
            try nodes.allSatisfy { try stage.opens($0, as: Stage.alice) == .refused }
        }
        #expect(try stage.migctl(["devices"], as: Stage.alice).output.contains("MIG-") == false)
        holder.end()
        try scene.daemon.waitUntil("the lease has ended") { try stage.machine().instances == 0 }
        #expect(try stage.records("lease-end").last?["reason"]?.stringValue == "owner-vanished")
        #expect(try stage.violations() == [])
    }

    @Test func `a user who is gone from the database has nothing but what he can see of himself`() throws {
        let scene = try Scene(cacheSeconds: 1)
        let stage = scene.stage
        #expect(try stage.migctl(["gpus"], as: Stage.alice).code == 0)
        let without = try scene.file("passwd", "root:x:0:0::/root:/bin/sh\n", mode: 0o644)
        try scene.cover("/etc/passwd", with: without)
        Clock.sleep(milliseconds: 1100)
        let told = try stage.migctl(["request", "1g.5gb"], as: Stage.alice)
        #expect(told.code == 3)
        #expect(told.errors.contains("NotAuthorized"), "\(told.errors)")
        let shown = try stage.migctl(["--json", "whoami"], as: Stage.alice)
        #expect(shown.code == 0)
        #expect(shown.output.contains(#""uid":2001"#) && !shown.output.contains(#""user":"alice"#), "\(shown.output)")
        #expect(try stage.machine().instances == 0)
    }
}
