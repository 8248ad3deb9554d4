import JSON
import Linux
import MIG
import TestSupport
import Testing

/// Who somebody is, is the kernel's word at the moment of connecting, and nothing else (threats T1 to T11).
@Suite("Identity", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct IdentityTests {
    private static let wish = Stage.call("Request", #"{"profiles":["1g.5gb"]}"#)

    /// Runs a Python program as root on the stage; it is given the socket and the messages, and prints answers in hex.
    private func play(
        _ script: String, _ messages: [[UInt8]] = [], on stage: Stage, as person: Stage.Person = Stage.root
    ) throws -> [WireAnswer] {
        let prelude = """
            import array, os, socket, subprocess, sys
            path, messages = sys.argv[1], [bytes.fromhex(text) for text in sys.argv[2:]]
            def become(uid, groups):
                os.setgroups(groups); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
            def connect(name=None):
                s = socket.socket(socket.AF_UNIX); s.settimeout(10)
                if name is not None: s.bind(name)
                s.connect(path); return s
            def answer(s):
                said = b""
                while not said.endswith(b"\\0"):
                    part = s.recv(65536)
                    if not part: print("closed"); return
                    said += part
                print(said[:-1].hex(), flush=True)

            """
        let ran = try stage.run(
            ["python3", "-c", prelude + script, stage.socket] + messages.map { Hex.text(of: $0) }, as: person,
            seconds: 120)
        guard ran.code == 0 else { throw StageError(what: ran.errors) }
        return try ran.output.split(separator: "\n").map { try WireAnswer(String($0)) }
    }

    @Test func `a uid that stands for nobody is turned away unanswered, and that is on record`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let nobody = Stage.Person("nobody", uid: 65534, gid: 65534, groups: [Stage.ml])
        let answers = try stage.exchange([Stage.call("WhoAmI"), Self.wish], as: nobody)
        #expect(answers == [.closed, .closed])
        let denied = try stage.records("denied")
        #expect(
            denied.contains {
                $0["error"]?.stringValue == "IdentityUnavailable" && $0["method"]?.stringValue == "connect"
            })
        #expect(denied.contains { $0["reason"]?.stringValue == "uid 65534 is no user's own" })
        #expect(!denied.contains { $0["uid"]?.integerValue == 0 })
        #expect(try stage.isUnharmed())
        _ = daemon
    }

    @Test func `uids at the edges are exact in answers and records, and the unknown get nothing`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        for uid in [65533, 65535, 2_147_483_647, 2_147_483_648, 4_294_967_294] {
            // In the session's groups, but the user database knows nobody of that number.
            let stranger = Stage.Person("", uid: uid, gid: 2001, groups: [Stage.ml])
            let answers = try stage.exchange([Stage.call("WhoAmI"), Self.wish, Stage.call("ListGPUs")], as: stranger)
            #expect(answers[0].reply?["uid"]?.integerValue == Int64(uid), "\(answers[0])")
            #expect(answers[0].reply?["user"] == nil)
            #expect(answers[0].reply?["rights"] == .array([]))
            #expect(answers[1].error == "NotAuthorized", "\(answers[1])")
            #expect(answers[2].error == "NotAuthorized", "\(answers[2])")
            let denied = try stage.records("denied").filter { $0["uid"]?.integerValue == Int64(uid) }
            #expect(denied.count == 2)
        }
        #expect(try stage.isUnharmed())
        _ = daemon
    }

    @Test func `a daemon inside a user namespace does not start and says why`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let ran = try stage.run(
            [
                "unshare", "-U", "-r", "\(stage.path)/bin/migbrokerd", "--root", stage.broker, "--driver",
                stage.machine,
            ], as: Stage.root, seconds: 20)
        #expect(ran.code == 1)
        #expect(
            ran.errors
                == "migbrokerd: runs inside a user namespace, where all unmapped users look alike; start it outside\n")
        #expect(!Files.exists(stage.socket))
        #expect(!Files.exists(stage.auditDirectory))
    }

    @Test func `a client inside a user namespace is who he is outside`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let inside = ["unshare", "-U", "-r", "\(stage.path)/bin/migctl", "--root", stage.broker]
        let shown = try stage.run(inside + ["--json", "whoami"], as: Stage.carol)
        // The client sees the listener as nobody's in there, so it says nothing to him; who speaks anyway is himself.
        #expect(shown.code == 9, "\(shown.errors)")
        let script = """
            import ctypes
            if os.fork() == 0:
                become(2003, []); assert ctypes.CDLL(None).unshare(0x10000000) == 0
                s = connect(); s.sendall(messages[0]); answer(s); os._exit(0)
            os.wait()
            """
        let answers = try play(script, [Stage.call("WhoAmI")], on: stage)
        #expect(answers.first?.reply?["uid"]?.integerValue == 2003)
        _ = daemon
    }

    @Test func `who changes his uid after connecting stays who he was`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let script = "s = connect(); become(2003, [])\nfor m in messages: s.sendall(m); answer(s)"
        let answers = try play(script, [Stage.call("WhoAmI"), Self.wish], on: stage)
        #expect(answers[0].reply?["uid"]?.integerValue == 0)
        #expect(answers[1].reply?["leases"]?.arrayValue?.first?["uid"]?.integerValue == 0, "\(answers[1])")
        #expect(try stage.records("intent").allSatisfy { $0["uid"]?.integerValue == 0 })
        _ = daemon
    }

    @Test func `a connection that is handed on acts for who opened it`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        // One process opens, another sends: alice's is used by carol, then carol's by alice.
        let script = """
            def hand(opener, user):
                a, b = socket.socketpair()
                if os.fork() == 0:
                    become(*opener); s = connect()
                    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
                    os._exit(0)
                _, control, _, _ = b.recvmsg(1, 64); os.wait()
                if os.fork() == 0:
                    become(*user); s = socket.socket(fileno=array.array("i", control[0][2][:4])[0]); s.settimeout(10)
                    for m in messages: s.sendall(m); answer(s)
                    os._exit(0)
                os.wait()
            hand((2001, [3001]), (2003, []))
            hand((2003, []), (2001, [3001]))
            """
        let answers = try play(script, [Stage.call("WhoAmI"), Self.wish], on: stage)
        try #require(answers.count == 4)
        #expect(answers[0].reply?["user"]?.stringValue == "alice")
        #expect(answers[1].reply?["leases"]?.arrayValue?.first?["user"]?.stringValue == "alice", "\(answers[1])")
        #expect(answers[2].reply?["user"]?.stringValue == "carol")
        #expect(answers[3].error == "NotAuthorized", "\(answers[3])")
        #expect(try stage.leases(of: Stage.alice).count == 1)
        #expect(try stage.records("denied").allSatisfy { $0["user"]?.stringValue == "carol" })
        _ = daemon
    }

    @Test func `the address that a client gives himself is looked at by nobody`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        try Files.makeDirectory("\(stage.path)/anyone")
        try Files.setMode("\(stage.path)/anyone", 0o777)
        let script = """
            base = path.split("/broker/")[0] + "/anyone/"
            for name in [base + "x;uid=0;", base + "pid=1;uid=0;socket=run;", "\\0abstract;uid=0;", "\\0a\\nuid=0\\n",
                         "\\0\\"uid\\":0,", "\\0\\0\\0", "\\0" + "root" * 20]:
                s = connect(name)
                for m in messages: s.sendall(m); answer(s)
            """
        let answers = try play(script, [Stage.call("WhoAmI"), Self.wish], on: stage, as: Stage.carol)
        #expect(answers.count == 14)
        for pair in stride(from: 0, to: answers.count - 1, by: 2) {
            #expect(answers[pair].reply?["uid"]?.integerValue == 2003)
            #expect(answers[pair + 1].error == "NotAuthorized")
        }
        let text = try stage.records().map { $0.text() }.joined()
        #expect(!text.contains("uid=0") && !text.contains("abstract") && !text.contains("rootroot"))
        #expect(!text.contains(#""uid":0"#))
        _ = daemon
    }

    @Test func `a setuid program that writes to the socket lends nobody its uid`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon()
        let program = "\(stage.path)/bin/setuid-cat"
        #expect(try stage.run(["cp", "/bin/cat", program], as: Stage.root).code == 0)
        try Files.setMode(program, 0o4755)
        // The kernel would attach root's credentials to these bytes for a server that asked for them.
        let script = """
            program = path.split("/broker/")[0] + "/bin/setuid-cat"
            shown = subprocess.run([program, "/proc/self/status"], capture_output=True, text=True).stdout
            assert "Uid:\\t2003\\t0\\t0\\t0" in shown, shown
            for m in messages:
                s = connect(); subprocess.run([program], input=m, stdout=s, check=True); answer(s)
            """
        let answers = try play(script, [Stage.call("WhoAmI"), Self.wish], on: stage, as: Stage.carol)
        #expect(answers.first?.reply?["uid"]?.integerValue == 2003)
        #expect(answers.last?.error == "NotAuthorized")
        #expect(try stage.records("denied").allSatisfy { $0["uid"]?.integerValue == 2003 })
        _ = daemon
    }

    @Test func `clients killed at any moment gain nothing and are never taken for root`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=100000", "--limit", "changeBurst=100000"])
        let script = """
            import random, time
            for turn in range(500):
                pid = os.fork()
                if pid == 0:
                    try:
                        s = connect(); s.sendall(messages[0] * (1 + turn % 3))
                        if turn % 2: s.close(); s = connect(); s.sendall(messages[0][:random.randrange(60)])
                        time.sleep(1)
                    finally: os._exit(0)
                time.sleep(random.random() * 0.003); os.kill(pid, 9); os.wait()
            """
        _ = try play(script, [Self.wish], on: stage, as: Stage.carol)
        #expect(try stage.isUnharmed())
        #expect(try stage.records("intent").isEmpty)
        let denied = try stage.records("denied")
        #expect(!denied.isEmpty)
        #expect(denied.allSatisfy { $0["uid"]?.integerValue == 2003 }, "\(denied.map { $0.text() })")
        _ = daemon
    }
}
