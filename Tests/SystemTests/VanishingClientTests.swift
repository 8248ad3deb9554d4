import JSON
import Linux
import TestSupport
import Testing

/// A client who may have what he asks for, and dies while he does (threat T30).
@Suite(
    "A client that dies", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"),
    .enabled(if: Command.exists("python3"), "needs python3"), .serialized)
struct VanishingClientTests {
    private static let turns = FloodWatch.isCampaign ? 1000 : 60

    @Test func `at any moment of a request gets all of it or nothing, and once only however often he asks`() throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=100000", "--limit", "changeBurst=100000"])
        let script = """
            import json, os, random, socket, sys, time
            def connect():
                s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1]); return s
            def say(s, method, **parameters):
                s.sendall(json.dumps({"method": "io.migbroker.Broker." + method, "parameters": parameters}).encode() + b"\\0")
            def ask(s, method, **parameters):
                say(s, method, **parameters); reply = b""
                while not reply.endswith(b"\\0"): reply += s.recv(65536)
                reply = json.loads(reply[:-1]); assert "error" not in reply, reply
                return reply["parameters"]
            s = connect(); found = 0
            for turn in range(int(sys.argv[2])):
                wish = {"profiles": ["1g.5gb"], "key": "turn-%d" % turn}
                pid = os.fork()
                if pid == 0:
                    try: ask(connect(), "Request", **wish)
                    finally: os._exit(0)
                time.sleep(random.random() * 0.02); os.kill(pid, 9); os.wait()
                # Whether it was done or not; what is under way comes first, for he is served in his turn.
                leases = ask(s, "ListLeases")["leases"]; assert len(leases) <= 1, leases; found += len(leases)
                for _ in range(2):
                    granted = ask(s, "Request", **wish)["leases"]
                    leases = ask(s, "ListLeases")["leases"]
                    assert [l["id"] for l in granted] == [l["id"] for l in leases] and len(leases) == 1, (granted, leases)
                ask(s, "Release", leases=[leases[0]["id"]])
            print(found)
            """
        let ran = try stage.run(
            ["python3", "-c", script, stage.socket, "\(Self.turns)"], as: Stage.alice, seconds: 300)
        #expect(ran.code == 0, "\(ran.errors)")
        CrashTests.tell("\(Self.turns) clients killed; \(ran.output) of their requests had been granted by then")
        #expect(try stage.violations() == [])
        #expect(try stage.machine().instances == 0)
        _ = daemon
    }
}
