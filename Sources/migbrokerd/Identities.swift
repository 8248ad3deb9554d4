import Linux
import MIG
import Policy
import Synchronization

/// Turns the kernel's word on a peer into a principal, by asking the user database on a thread of its own.
///
/// Belongs to the loop's thread. Answers hold for `lookupCacheSeconds`, so a user who leaves a group loses it that soon
/// on an open connection too. A database that does not answer in `lookupSeconds` is an error of its own, never a
/// missing group: deny rules would fail open (threats T7 to T9 of facts/security.md).
final class Identities {
    /// What the user database says of one uid.
    struct Entry: Sendable {
        let name: String?
        let groups: Set<GroupID>
    }

    enum Failure: Error, Sendable, CustomStringConvertible {
        case failed(Errno)
        case tookTooLong(seconds: Int)

        var description: String {
            switch self {
            case .failed(let code): "the user database failed: \(code.message)"
            case .tookTooLong(let seconds): "the user database did not answer in \(seconds) s"
            }
        }
    }

    typealias Answer = Result<Entry, Failure>

    private struct Known {
        let entry: Entry
        let until: Int64
    }

    private final class Stuck: Sendable {
        let count = Mutex(0)
    }

    private final class Waiting {
        var callbacks: [(Answer) -> Void] = []
        var timer: EventLoop.Token?
    }

    private let loop: EventLoop
    private let answers: LoopQueue<(UserID, Answer)>
    private let bounds: Bounds
    private var worker: Worker
    /// Threads that hang in a look-up nobody waits for any more.
    private let stuck = Stuck()
    private static let mostStuck = 8
    private var known: [UserID: Known] = [:]
    private var waiting: [UserID: Waiting] = [:]

    init(loop: EventLoop, bounds: Bounds) throws(SystemError) {
        self.loop = loop
        self.bounds = bounds
        answers = try LoopQueue()
        worker = try Self.makeWorker(bounds, stuck)
        _ = try answers.attach(to: loop) { [weak self] in self?.settle($0.0, $0.1) }
    }

    /// The database's entry of a uid: at once where it is known, else later; the callback runs on the loop's thread.
    func look(up user: UserID, _ callback: @escaping (Answer) -> Void) {
        if let entry = cached(user) { return callback(.success(entry)) }
        if let waiting = waiting[user] {
            waiting.callbacks.append(callback)
            return
        }
        let entry = Waiting()
        entry.callbacks.append(callback)
        waiting[user] = entry
        let answers = answers
        guard worker.run({ answers.post((user, Self.ask(user))) }) else {
            return settle(user, .failure(.tookTooLong(seconds: bounds.lookupSeconds)))
        }
        entry.timer = loop.schedule(at: Clock.monotonic() + Int64(bounds.lookupSeconds) * 1_000_000_000) {
            [weak self] in self?.giveUp(on: user)
        }
    }

    /// The entry that was looked up a moment ago.
    func cached(_ user: UserID) -> Entry? {
        guard let known = known[user], known.until > Clock.monotonic() else { return nil }
        return known.entry
    }

    private func settle(_ user: UserID, _ answer: Answer) {
        if case .success(let entry) = answer {
            let now = Clock.monotonic()
            if known.count >= 4096 { known = known.filter { $0.value.until > now } }
            known[user] = Known(entry: entry, until: now + Int64(bounds.lookupCacheSeconds) * 1_000_000_000)
        }
        guard let entry = waiting.removeValue(forKey: user) else { return }
        if let timer = entry.timer { loop.cancel(timer) }
        for callback in entry.callbacks { callback(answer) }
    }

    /// Answers those who waited, and leaves the stuck thread to itself: others get a new one, up to a bound.
    private func giveUp(on user: UserID) {
        if stuck.count.withLock({ $0 }) < Self.mostStuck, let fresh = try? Self.makeWorker(bounds, stuck) {
            // Without a new thread look-ups go on failing, which is safe.
            stuck.count.withLock { $0 += 1 }
            worker.finish()
            worker = fresh
        }
        settle(user, .failure(.tookTooLong(seconds: bounds.lookupSeconds)))
    }

    private static func makeWorker(_ bounds: Bounds, _ stuck: Stuck) throws(SystemError) -> Worker {
        try Worker(named: "names", capacity: bounds.connections, last: { stuck.count.withLock { $0 -= 1 } })
    }

    /// Blocks as long as the database likes.
    private static func ask(_ uid: UserID) -> Answer {
        switch UserDatabase.user(uid) {
        case .unknown: .success(Entry(name: nil, groups: []))
        case .failed(let code): .failure(.failed(code))
        case .found(let user):
            switch UserDatabase.groups(of: user) {
            case .found(let groups): .success(Entry(name: user.name, groups: groups))
            case .unknown: .success(Entry(name: user.name, groups: [user.group]))
            case .failed(let code): .failure(.failed(code))
            }
        }
    }
}

extension Identities {
    /// The principal that a peer and his entry make together.
    static func principal(_ peer: PeerCredentials, _ entry: Entry, _ origin: PeerOrigin) -> Principal {
        let from: Origin =
            switch origin {
            case .host: .host
            case .container: .container
            case .unknown: .unknown
            }
        return Principal(
            user: peer.user, name: entry.name, primaryGroup: peer.group, peerGroups: peer.groups,
            databaseGroups: entry.groups, origin: from)
    }
}
