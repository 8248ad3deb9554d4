import Linux
import MIG
import Privilege

/// The service that ends processes: all that it holds is CAP_KILL, and root alone may ask it.
///
/// The daemon must not have that right, and this one knows neither leases nor driver: it holds the process of a number
/// and a user, and sends it a signal once the daemon has seen again that it is the right one. One thread serves one
/// connection at a time, and a process is let go of with its connection.
struct Ender {
    private let options: DaemonOptions

    /// For how long a connection may keep others waiting.
    private static let connectionSeconds: Int64 = 10

    init(_ options: DaemonOptions) { self.options = options }

    /// Serves until it is killed; there is nothing to be put in order then.
    func run() throws(StartError) {
        guard CurrentProcess.user == .root else { throw .notRoot }
        // A uid in another namespace is another user.
        guard try StartError.from({ () throws(SystemError) in try UserNamespace.isInitial() }) else {
            throw .notInitialUserNamespace
        }
        let passed = ServiceManager.passedDescriptors()
        try StartError.from { () throws(SystemError) in
            try CurrentProcess.replaceEnvironment(with: [("LC_ALL", "C.UTF-8")])
        }
        CurrentProcess.setFileCreationMask(0o022)
        CurrentProcess.ignoreBrokenPipes()
        let listening = try Listening(at: options.ender, mode: 0o600, named: "ender", passed: passed)
        try StartError.from { () throws(PrivilegeError) in try Privileges.drop(keeping: [.kill]) }
        Log.say("ending processes for who asks at \(options.ender)")
        try StartError.from { () throws(SystemError) in
            while true {
                _ = try listening.listener.waitForConnection(deadline: nil)
                if let stream = try listening.listener.accept() { Self.serve(stream) }
            }
        }
    }

    private static func serve(_ stream: consuming UnixStream) {
        do throws(SystemError) {
            let user = try PeerCredentials.user(of: stream)
            guard user == .root else { return Log.say("a connection of uid \(user) was closed") }
            let deadline = Clock.monotonic() + connectionSeconds * 1_000_000_000
            var hold = Hold()
            while case .message(let bytes) = try stream.receiveWhole(EnderQuestion.length, deadline: deadline) {
                guard let question = EnderQuestion(bytes), let answer = hold.answer(question) else {
                    return Log.say("a connection was closed that asked what cannot be asked")
                }
                guard try stream.sendWhole(answer.bytes, deadline: deadline) else { return }
            }
        } catch {
            Log.say("a connection broke: \(error)")
        }
    }

    /// The process that a connection holds, if any.
    private struct Hold: ~Copyable {
        private var process: HeldProcess?

        /// Nil where the question has no sense now: another process is held, or none.
        mutating func answer(_ question: EnderQuestion) -> EnderAnswer? {
            do throws(HoldingError) {
                switch question.deed {
                case .hold:
                    guard process == nil else { return nil }
                    let held = try HeldProcess(question.pid, of: question.user)
                    let command = held.command
                    process = consume held
                    return EnderAnswer(error: nil, command: command)
                case .terminate, .kill, .drop:
                    guard let held = process.take(), held.pid == question.pid, held.user == question.user else {
                        return nil
                    }
                    if let signal = question.deed.signal { try held.send(signal) }
                    return EnderAnswer(error: nil)
                }
            } catch {
                return EnderAnswer(error: error)
            }
        }
    }
}
