import Linux
import MIG
import TestSupport
import Testing

/// The service by itself, asked by the test as the daemon would ask it.
@Suite(
    "The service that ends processes", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct EnderTests {
    private static let alice = UserID(2001)
    private let stage: Stage
    private let service: KeptProcess

    init() throws {
        stage = try Stage(policy: LabPolicy.text)
        service = try stage.startEnder()
    }

    private func sleeper(_ command: [String] = ["sleep", "1000"], as person: Stage.Person) throws -> KeptProcess {
        let process = try stage.start(command, as: person)
        try process.waitUntil("it runs") { try Self.command(process.pid) == "sleep" }
        return process
    }

    private static func command(_ pid: Int32) throws -> String {
        String(decoding: try Files.read("/proc/\(pid)/comm").dropLast(), as: UTF8.self)
    }

    private func connect() throws -> EnderConnection { try EnderConnection(to: stage.ender, milliseconds: 5000) }

    private func hold(_ pid: Int32, of user: UserID = alice) throws -> HoldingError? {
        try connect().ask(EnderQuestion(.hold, pid, of: user)).error
    }

    @Test(arguments: EndingSignal.allCases)
    func `sends a signal to the process that it holds, and to no other`(_ signal: EndingSignal) throws {
        let processes = [try sleeper(as: Stage.alice), try sleeper(as: Stage.alice)]
        let connection = try connect()
        let held = try connection.ask(EnderQuestion(.hold, processes[0].pid, of: Self.alice))
        #expect(held == EnderAnswer(error: nil, command: "sleep"))
        #expect(try connection.ask(EnderQuestion(.init(signal), processes[0].pid, of: Self.alice)).error == nil)
        #expect(try processes[0].waitForEnd() == .signalled(signal.rawValue))
        // Nothing is held any more, and the connection goes on.
        #expect(try connection.ask(EnderQuestion(.hold, processes[1].pid, of: Self.alice)).error == nil)
        #expect(try connection.ask(EnderQuestion(.drop, processes[1].pid, of: Self.alice)).error == nil)
        #expect(try connection.ask(EnderQuestion(.hold, processes[1].pid, of: Self.alice)).error == nil)
        #expect(try processes[1].poll() == nil)
    }

    @Test func `does not hold what is not the user's`() throws {
        let roots = try sleeper(as: Stage.root)
        let alices = try sleeper(as: Stage.alice)
        #expect(try hold(roots.pid) == .notTheUsers)
        #expect(try hold(alices.pid, of: UserID(2002)) == .notTheUsers)
        #expect(try hold(alices.pid) == nil)
    }

    /// Real, effective and saved uid, of which not all are alice's.
    static let mixed = ["0, 2001, 2001", "2001, 0, 2001", "2001, 2001, 0", "2001, 2002, 2001"]

    @Test(arguments: mixed) func `does not hold what is the user's only in part`(_ uids: String) throws {
        let script = """
            import ctypes, os, time
            os.setresuid(\(uids))
            ctypes.CDLL(None).prctl(15, b'sleep')
            time.sleep(1000)
            """
        let process = try sleeper(["python3", "-c", script], as: Stage.root)
        #expect(try hold(process.pid) == .notTheUsers)
        #expect(try process.poll() == nil)
    }

    /// Groups that fill more than 64 KiB of what `/proc` shows of a process.
    static let manyGroups = (20_000...32_000).map(String.init).joined(separator: ",")

    @Test func `ends a process however many groups it is in`() throws {
        let process = try sleeper(
            ["setpriv", "--reuid", "2001", "--groups", Self.manyGroups, "--", "sleep", "1000"], as: Stage.root)
        let bobs = try sleeper(
            ["setpriv", "--reuid", "2002", "--groups", Self.manyGroups, "--", "sleep", "1000"], as: Stage.root)
        #expect(try Files.read("/proc/\(process.pid)/status", limit: 1 << 20).count > 64 << 10)
        #expect(try hold(bobs.pid) == .notTheUsers)
        let connection = try connect()
        #expect(try connection.ask(EnderQuestion(.hold, process.pid, of: Self.alice)).error == nil)
        #expect(try connection.ask(EnderQuestion(.kill, process.pid, of: Self.alice)).error == nil)
        #expect(try process.waitForEnd() == .signalled(9))
    }

    @Test func `touches neither root's processes nor the first, nor itself, whatever is asked`() throws {
        let roots = try sleeper(as: Stage.root)
        for user in [UserID(0), .overflow, .invalid] { #expect(try hold(roots.pid, of: user) == .untouchable) }
        for pid in [1, 0, -1, -roots.pid, service.pid, Int32.min] { #expect(try hold(pid) == .untouchable) }
        #expect(try hold(1, of: UserID(0)) == .untouchable)
        #expect(try roots.poll() == nil && service.poll() == nil)
    }

    @Test func `does not hold a process that is gone, ended but not waited for, or a thread`() throws {
        #expect(try hold(Int32.max) == .gone)
        let ended = try stage.start(["true"], as: Stage.alice)
        try service.waitUntil("it has ended") {
            String(decoding: try Files.read("/proc/\(ended.pid)/stat"), as: UTF8.self).contains(") Z ")
        }
        #expect(try hold(ended.pid) == .gone)
        let script = """
            import ctypes, threading, time
            threading.Thread(target=lambda: time.sleep(1000), daemon=True).start()
            ctypes.CDLL(None).prctl(15, b'sleep')
            time.sleep(1000)
            """
        let process = try sleeper(["python3", "-c", script], as: Stage.alice)
        let thread = try #require(
            try Files.list("/proc/\(process.pid)/task").compactMap { Int32($0) }.first { $0 != process.pid })
        #expect(try hold(thread) == .gone)
        #expect(try hold(process.pid) == nil)
    }

    @Test func `sends nothing to a process that has become another user's since`() throws {
        let go = "\(stage.path)/go"
        let script = """
            import ctypes, os, sys, time
            name = ctypes.CDLL(None).prctl
            name(15, b'sleep')
            while not os.path.exists(sys.argv[1]): time.sleep(0.01)
            os.setresuid(2002, 2002, 2002)
            name(15, b'changed')
            time.sleep(1000)
            """
        let words = ["setpriv", "--reuid", "2001", "--inh-caps", "+setuid", "--ambient-caps", "+setuid", "--"]
        let process = try sleeper(words + ["python3", "-c", script, go], as: Stage.root)
        let connection = try connect()
        #expect(try connection.ask(EnderQuestion(.hold, process.pid, of: Self.alice)).error == nil)
        try Files.write(go, [])
        try process.waitUntil("it is bob's") { try Self.command(process.pid) == "changed" }
        #expect(try connection.ask(EnderQuestion(.kill, process.pid, of: Self.alice)).error == .notTheUsers)
        #expect(try process.poll() == nil)
    }

    @Test func `sends nothing to a process that has ended since`() throws {
        let process = try sleeper(as: Stage.alice)
        let connection = try connect()
        #expect(try connection.ask(EnderQuestion(.hold, process.pid, of: Self.alice)).error == nil)
        process.end()
        #expect(try connection.ask(EnderQuestion(.kill, process.pid, of: Self.alice)).error == .gone)
    }

    /// What makes no sense after a process was held; each ends the connection.
    enum Nonsense: CaseIterable { case hold, otherPID, otherUser, garbage, half }

    @Test(arguments: Nonsense.allCases)
    func `ends a connection that asks what makes no sense, and what it holds is let go of`(_ kind: Nonsense) throws {
        let process = try sleeper(as: Stage.alice)
        let stream = try UnixStream(connectingTo: stage.ender, milliseconds: 5000)
        let deadline = Clock.monotonic() + 20_000_000_000
        #expect(try stream.sendWhole(EnderQuestion(.hold, process.pid, of: Self.alice).bytes, deadline: deadline))
        let held = EnderAnswer(error: nil, command: "sleep").bytes
        #expect(try stream.receiveWhole(EnderAnswer.length, deadline: deadline) == .message(held))
        let question =
            switch kind {
            case .hold: EnderQuestion(.hold, process.pid, of: Self.alice).bytes
            case .otherPID: EnderQuestion(.kill, service.pid, of: Self.alice).bytes
            case .otherUser: EnderQuestion(.kill, process.pid, of: UserID(2002)).bytes
            case .garbage: [UInt8](repeating: 0xFF, count: EnderQuestion.length)
            case .half: Array(EnderQuestion(.kill, process.pid, of: Self.alice).bytes.dropLast())
            }
        #expect(try stream.sendWhole(question, deadline: deadline))
        // One half is waited for, until the time of the connection is over.
        let end = try? stream.receiveWhole(EnderAnswer.length, deadline: deadline)
        #expect(end == .end || end == nil)
        #expect(try hold(process.pid) == nil && process.poll() == nil)
    }

    @Test(arguments: [EndingSignal.terminate, .kill])
    func `sends nothing before it holds anything`(_ signal: EndingSignal) throws {
        let process = try sleeper(as: Stage.alice)
        #expect(throws: SystemError.self) {
            try connect().ask(EnderQuestion(.init(signal), process.pid, of: Self.alice))
        }
        #expect(try hold(process.pid) == nil && process.poll() == nil)
    }

    private static let client = """
        import socket, sys
        s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
        try:
            s.send(bytes.fromhex(sys.argv[2])); print(len(s.recv(64)))
        except (ConnectionResetError, BrokenPipeError): print(0)
        """

    @Test func `answers root alone, even where others reach its socket`() throws {
        let process = try sleeper(as: Stage.alice)
        let hex = EnderQuestion(.hold, process.pid, of: Self.alice).bytes.map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
        let words = ["python3", "-c", Self.client, stage.ender, hex]
        #expect(try Files.attributes(stage.ender).mode == 0o600)
        #expect(try stage.run(words, as: Stage.alice).errors.contains("PermissionError"))
        try Files.setMode(stage.ender, 0o666)
        #expect(try stage.run(words, as: Stage.alice).output == "0\n")
        #expect(try stage.run(words, as: Stage.root).output == "64\n")
    }

    @Test func `has one capability and no way to another`() throws {
        // It answers nobody before it has given up the rest.
        #expect(try hold(1) == .untouchable)
        let status = String(decoding: try Files.read("/proc/\(service.pid)/status"), as: UTF8.self)
        let bit = "0000000000000020"
        for set in ["CapPrm", "CapEff", "CapBnd"] { #expect(status.contains("\(set):\t\(bit)\n")) }
        for set in ["CapInh", "CapAmb"] { #expect(status.contains("\(set):\t0000000000000000\n")) }
        #expect(status.contains("NoNewPrivs:\t1\n") && status.contains("Threads:\t1\n"))
    }

    @Test func `starts once, as root, and again after it was killed`() throws {
        let words = ["\(stage.path)/bin/migbrokerd", "--root", stage.broker, "--end-processes"]
        #expect(try stage.run(words, as: Stage.root).errors.contains("listens on \(stage.ender)"))
        #expect(try stage.run(words, as: Stage.alice).code == 1)
        service.end()
        let second = try stage.startEnder()
        #expect(try second.poll() == nil)
    }
}
