import Linux
import TestSupport

/// A moment of an operation at which the daemon dies by SIGKILL.
enum KillPoint: CustomStringConvertible {
    /// At the entry of a call of the driver's library, counted from 0.
    case driverCall(Int)
    /// At the entry of a thread's n-th system call of a name, counted from 1: it is not made any more.
    case before(String, Int)
    /// When that call has done its work and before its caller knows.
    case after(String, Int)

    var description: String {
        switch self {
        case .driverCall(let number): "driver call \(number)"
        case .before(let call, let number): "before \(call) \(number)"
        case .after(let call, let number): "after \(call) \(number)"
        }
    }

    /// Why the system calls cannot be met here, or nil.
    static let obstacle = Tracer.obstacle
}

/// What an operation met that was to be struck.
struct Strike {
    /// The client's exit code.
    let code: Int32
    /// What the client said on standard error, where that was kept.
    let words: String
    let isDead: Bool
}

extension Stage {
    /// Runs a client's command while a point is armed; the trap is gone afterwards, whether it was met or not.
    ///
    /// `patience` is how long the daemon may live on after a good answer, for what it does later of itself.
    func strike(
        _ daemon: KeptProcess, at point: KillPoint, _ arguments: [String], as person: Person, patience: Int = 0
    ) throws -> Strike {
        switch point {
        case .driverCall(let number):
            try must(migsim("fault", ["*", "--kill", "--after", "\(number)"]))
            let reply = try migctl(arguments, as: person)
            let wasDead = try hasEnded(daemon, after: reply, patience)
            try must(migsim("fault", ["--clear"]))
            // What the daemon does after its answer may have met the point while the trap was taken away.
            Clock.sleep(milliseconds: 20)
            let isDead = try wasDead || isKilled(daemon)
            return Strike(code: reply.code, words: reply.errors, isDead: isDead)
        case .before(let call, let number):
            let tracer = try trace(daemon, call, "signal=KILL:when=\(number)")
            let reply = try migctl(arguments, as: person)
            let isDead = try hasEnded(daemon, after: reply, patience)
            _ = try tracer.stop()
            return Strike(code: reply.code, words: reply.errors, isDead: isDead)
        case .after(let call, let number):
            // The tracer holds the thread when the call is done, and so gives the time to kill it there.
            let tracer = try trace(daemon, call, "delay_exit=20000000:when=\(number)")
            let client = try start(["\(path)/bin/migctl", "--root", broker] + arguments, as: person)
            var seen = 0
            while try client.poll() == nil, seen < 4 {
                seen = isHeld(daemon) ? seen + 1 : 0
                Clock.sleep(milliseconds: 10)
            }
            // A traced process is not gone before its tracer has heard of it, and this one sleeps.
            if seen == 4 { daemon.signal(9) }
            tracer.end()
            if seen == 4 { daemon.end() }
            let status = try client.waitForEnd()
            return Strike(code: status.shellCode, words: "", isDead: seen == 4)
        }
    }

    private func must(_ command: Command) throws {
        guard command.code == 0 else { throw StageError(what: command.errors) }
    }

    /// A client that lost its connection means that the daemon is dead or about to be.
    private func hasEnded(_ daemon: KeptProcess, after reply: Command, _ patience: Int) throws -> Bool {
        if reply.code == 9 { return try daemon.waitForEnd(seconds: 10) == .signalled(9) }
        for _ in 0..<patience * 10 where try daemon.poll() == nil { Clock.sleep(milliseconds: 100) }
        return try isKilled(daemon)
    }

    /// A daemon that ended in any other way was not struck: it has a fault of its own.
    private func isKilled(_ daemon: KeptProcess) throws -> Bool {
        guard let status = try daemon.poll() else { return false }
        guard status == .signalled(9) else { throw StageError(what: "the daemon ended with \(status)") }
        return true
    }

    /// Attaches a tracer to every thread, so that its counts begin now.
    func trace(_ daemon: KeptProcess, _ call: String, _ injection: String) throws -> KeptProcess {
        let tracer = try KeptProcess(
            "strace",
            ["-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(call):\(injection)"]
                + ["-p", "\(daemon.pid)"], errors: "\(path)/strace.log")
        try tracer.waitUntil("all threads are traced") {
            try threads(of: daemon).allSatisfy { !$0.contains("TracerPid:\t0\n") }
        }
        return tracer
    }

    private func isHeld(_ daemon: KeptProcess) -> Bool {
        // A daemon that is gone holds no thread.
        ((try? threads(of: daemon)) ?? []).contains { $0.contains("State:\tt") }
    }

    private func threads(of daemon: KeptProcess) throws -> [String] {
        let directory = "/proc/\(daemon.pid)/task"
        return try Files.list(directory).map {
            String(decoding: try Files.read("\(directory)/\($0)/status"), as: UTF8.self)
        }
    }
}
