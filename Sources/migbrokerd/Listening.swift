import Linux
import MIG

/// A socket of the daemon's or of its helper's: systemd passes it, or the process binds one itself under a lock.
struct Listening: ~Copyable {
    let listener: UnixListener
    /// Held for the daemon's life: with it, a socket in the way can only be a dead daemon's. Nil for a passed socket.
    let lock: FileDescriptor?

    /// Takes a passed socket, the one of that name before any other, or makes one.
    init(
        at path: String, mode: UInt32, named name: String, passed: [ServiceManager.Passed]
    ) throws(StartError) {
        do throws(SystemError) {
            if let socket = passed.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) ?? passed.first {
                let listener = try UnixListener(adopting: FileDescriptor(owning: socket.descriptor))
                self.init(listener, nil)
                return
            }
            try Files.makeDirectories(Files.parent(of: path), mode: 0o755)
            let lock = try Files.open("\(path).lock", [.write, .create, .noFollow], mode: 0o600)
            guard try lock.tryLock(exclusively: true), try UnixListener.removeStale(at: path) else {
                throw SystemError("bind", .addressInUse, path)
            }
            let listener = try UnixListener(at: path, mode: mode)
            self.init(listener, lock)
        } catch {
            throw error.code == .addressInUse ? .alreadyRunning(path) : .other("\(error)")
        }
    }

    private init(_ listener: consuming UnixListener, _ lock: consuming FileDescriptor?) {
        self.listener = listener
        self.lock = lock
    }

    /// Lists the socket where Varlink tools look for interfaces; not being able to is no reason not to start.
    static func register(_ options: DaemonOptions) {
        let link = "\(options.registry)/\(Files.name(of: options.socket))"
        try? Files.makeDirectories(options.registry, mode: 0o755)
        try? Files.remove(link)
        try? Files.symlink(to: options.socket, at: link)
    }
}

/// Why the daemon does not start.
enum StartError: Error, CustomStringConvertible {
    case notRoot
    case notInitialUserNamespace
    case alreadyRunning(String)
    case other(String)

    /// Whatever failed below, in its own words.
    static func from<Value: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(StartError) -> Value {
        do throws(Failure) { return try body() } catch { throw .other("\(error)") }
    }

    var description: String {
        switch self {
        case .notRoot: "must be started as root"
        case .notInitialUserNamespace:
            "runs inside a user namespace, where all unmapped users look alike; start it outside"
        case .alreadyRunning(let socket): "another broker listens on \(socket)"
        case .other(let reason): reason
        }
    }
}
