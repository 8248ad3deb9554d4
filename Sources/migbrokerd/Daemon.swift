import Audit
import Broker
import Linux
import MIG
import Nodes
import Policy
import Privilege
import Varlink

/// The daemon's life: everything that needs privilege first, then none of it but CAP_SYS_ADMIN, then threads.
struct Daemon {
    let options: DaemonOptions

    init(_ options: DaemonOptions) { self.options = options }

    /// Makes the nodes of the GPUs present, and ends.
    func makeNodes(closingOpen: Bool = true) throws(StartError) {
        guard CurrentProcess.user == .root else { throw .notRoot }
        let store = NodeStore(driver: options.driver)
        let minors: [Int]
        do throws(CapabilityTreeError) {
            minors = try CapabilityTree.gpuMinors(driver: options.driver ?? "")
        } catch .noDriver {
            return Log.say("no driver is loaded, so there is nothing to make")
        } catch {
            throw .other("\(error)")
        }
        let made = try StartError.from { () throws(NodeError) in
            try store.makeNodes(gpuMinors: NodeStore.minorsToCome(of: minors), closingOpen: closingOpen)
        }
        Log.say("nodes: \(made.made) made, \(made.replaced.count) replaced, \(made.closed.count) closed")
    }

    /// Serves until it is told to end.
    func run() throws(StartError) {
        guard CurrentProcess.user == .root else { throw .notRoot }
        guard try StartError.from({ () throws(SystemError) in try UserNamespace.isInitial() }) else {
            throw .notInitialUserNamespace
        }
        let passed = ServiceManager.passedDescriptors()
        let manager = CurrentProcess.environment("NOTIFY_SOCKET")
        let signals = try StartError.from { () throws(SystemError) in
            // What starts the daemon has no say in how it works: no library paths, no time zones, no tracing.
            try CurrentProcess.replaceEnvironment(with: [
                ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C.UTF-8"),
            ])
            return try Signals([Signals.terminate, Signals.interrupt, Signals.hangUp])
        }
        CurrentProcess.setFileCreationMask(0o022)
        CurrentProcess.ignoreBrokenPipes()
        try prepareDirectories()
        let listening = try Listening(at: options.socket, mode: 0o666, named: "varlink", passed: passed)
        if passed.isEmpty { Listening.register(options) }
        makeNodesIfPossible()
        try StartError.from { () throws(PrivilegeError) in try Privileges.drop(keeping: [.sysAdmin]) }
        let lock = try serve(listening, signals, manager)
        _ = consume lock
    }

    func prepareDirectories() throws(StartError) {
        for (path, mode) in [(options.state, 0o700), (options.auditDirectory, 0o750)] as [(String, UInt32)] {
            try StartError.from { () throws(SystemError) in try Files.makeDirectories(path, mode: mode) }
            _ = try StartError.from { () throws(SafePathError) in try SafePath.openDirectory(path) }
        }
    }

    /// Under the hardened unit another service has made them; then there is nothing to do, or no right to.
    private func makeNodesIfPossible() {
        do throws(StartError) {
            let may = try StartError.from { () throws(PrivilegeError) in try Privileges.holds(.mknod) }
            // What is open may be that of another tool's instance; the first look over the driver knows.
            if may { try makeNodes(closingOpen: false) }
        } catch {
            // The gate names every node that is missing, with the command that makes it.
            Log.say("nodes could not be made: \(error)")
        }
    }

    /// Everything from here on has threads, and no privilege but CAP_SYS_ADMIN.
    ///
    /// - Returns: the lock on the socket, to be held to the very end.
    private func serve(
        _ listening: consuming Listening, _ signals: Signals, _ manager: String?
    ) throws(StartError) -> FileDescriptor? {
        let witnesses = try Witnesses(options)
        let followers = AuditFollowers()
        let audit = try StartError.from { () throws(AuditUnavailable) in
            try AuditLog(
                options.auditDirectory, expecting: Broker.checkpointedHead(in: options.state),
                settings: AuditSettings(options.bounds, keyFile: options.auditKey), clock: try .system(),
                follower: { entries in
                    witnesses.put(entries)
                    if let last = entries.last { followers.hear(of: last.seq) }
                })
        }
        try witnesses.start(with: audit)
        let changed = try StartError.from { () throws(SystemError) in try LoopQueue<Int>() }
        let broker = Broker(configuration, audit: audit, say: { Log.say($0) }) { changed.post($0) }
        try StartError.from { () throws(AuditReplayError) in try broker.start() }
        if let problem = broker.snapshot.driverProblem {
            Log.say("the driver does not answer, so nothing can be changed: \(problem)")
        }
        loadPolicy(broker)
        let lock = listening.lock
        let listener = listening.listener
        try loop(listener, broker, witnesses, followers, changed, signals, manager)
        witnesses.finish()
        return lock
    }

    private func loop(
        _ listener: consuming UnixListener, _ broker: Broker, _ witnesses: Witnesses, _ followers: AuditFollowers,
        _ changed: LoopQueue<Int>, _ signals: Signals, _ manager: String?
    ) throws(StartError) {
        do throws(SystemError) {
            let loop = try EventLoop()
            let finished = try LoopQueue<Bool>()
            let changes = try Worker(
                named: "changes", bounds: options.bounds, idleMilliseconds: 200,
                idle: { broker.upkeep() },
                last: {
                    broker.shutDown()
                    finished.post(true)
                })
            let slow = try Worker(named: "slow", bounds: options.bounds)
            let service = Service(
                broker: broker, changes: changes, slow: slow,
                records: try Worker(named: "records", bounds: options.bounds),
                identities: try Identities(loop: loop, bounds: options.bounds), witnesses: witnesses,
                followers: followers)
            _ = try changed.attach(to: loop) { service.didChange(to: $0) }
            let server = try VarlinkServer(
                listener: listener, service: service, bounds: options.bounds, loop: loop)
            let control = server.control
            _ = try loop.watch(signals.descriptor, for: .read) { _ in
                // A signal that cannot be read now is read at the next turn.
                while let signal = try? signals.next() {
                    if signal == Signals.hangUp {
                        _ = slow.run(for: .root) { loadPolicy(broker) }
                    } else {
                        ServiceManager.notify("STOPPING=1", socket: manager)
                        service.stop()
                        control.drain(seconds: 10)
                    }
                }
            }
            service.owners.watch(on: loop)
            beat(loop, manager)
            ServiceManager.notify("READY=1", socket: manager)
            Log.say("listening on \(options.socket)")
            try server.run()
            // Changes that were promised are made, the state is saved, and the log ends in an orderly way.
            _ = try finished.attach(to: loop) { _ in loop.stop() }
            changes.finish()
            try loop.run()
        } catch {
            throw .other("\(error)")
        }
    }

    private var configuration: Broker.Configuration {
        Broker.Configuration(
            driverRoot: options.driver, stateDirectory: options.state, policyFile: options.policyFile,
            policyDirectory: options.policyDirectory, bounds: options.bounds, ender: options.ender)
    }

    /// Tells the service manager that the loop turns; a daemon whose loop hangs is restarted.
    private func beat(_ loop: EventLoop, _ manager: String?) {
        guard manager != nil else { return }
        _ = loop.schedule(at: Clock.monotonic() + 5_000_000_000) {
            ServiceManager.notify("WATCHDOG=1", socket: manager)
            beat(loop, manager)
        }
    }
}

/// Reads the policy; a bad one leaves the last good one in force, and both the log and the audit log say why.
private func loadPolicy(_ broker: Broker) {
    do throws(PolicyErrors) {
        let set = try broker.loadPolicy()
        Log.say("policy \(set.hash.prefix(12)) is in force")
    } catch {
        Log.say("the policy was not loaded:\n\(error)")
    }
}
