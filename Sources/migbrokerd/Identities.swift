import Linux
import MIG
import Policy
import Synchronization

/// The user database's word on a user, for whoever is not on the loop's thread.
struct IdentityLookup: Sendable {
    struct Question: Sendable {
        let user: UserID
        let callback: @Sendable (Identities.Answer) -> Void
    }

    fileprivate let questions: LoopQueue<Question>

    /// Never blocks; the callback runs on the loop's thread.
    func look(up user: UserID, _ callback: @escaping @Sendable (Identities.Answer) -> Void) {
        questions.post(Question(user: user, callback: callback))
    }
}

/// Turns the kernel's word on a peer into a principal, by asking the user database on a thread of its own.
///
/// Belongs to the loop's thread. Answers hold for `lookupCacheSeconds`, so a user who leaves a group loses it that soon
/// on an open connection too. A database that does not answer in `lookupSeconds` is an error of its own, never a
/// missing group: deny rules would fail open (threats T7 to T9 of facts/security.md).
final class Identities {
    /// What the user database says of one uid, each time that it is asked.
    final class Entry: Sendable {
        let name: String?
        let groups: Set<GroupID>

        init(name: String?, groups: Set<GroupID>) {
            self.name = name
            self.groups = groups
        }
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

    /// Somebody who is not connected, as he would be if he had just logged in.
    struct Account: Sendable {
        let user: UserDatabase.User
        let groups: Set<GroupID>

        func principal(from origin: Origin) -> Principal {
            Principal(
                user: user.uid, name: user.name, primaryGroup: user.group, peerGroups: groups, databaseGroups: groups,
                origin: origin)
        }
    }

    private struct Known {
        let entry: Entry
        let until: Int64
    }

    private final class Stuck: Sendable {
        let count = Mutex(0)
    }

    /// What the database said.
    private enum Reply: Sendable {
        case entry(UserID, Answer)
        /// Nil where nobody has that name.
        case account(Result<Account?, Failure>)
        /// Nil for a group that has none.
        case groupNames([GroupID: String?])
    }

    /// A question that waits for its reply; nil is that none came in time.
    private struct Question {
        let settle: (Reply?) -> Void
        /// On which it was asked.
        let worker: Worker
        let timer: EventLoop.Token
    }

    /// For threads other than the loop's.
    let lookup: IdentityLookup
    private let loop: EventLoop
    private let replies: LoopQueue<(Int, Reply)>
    private let bounds: Bounds
    private var worker: Worker
    /// Threads that hang in a look-up nobody waits for any more.
    private let stuck = Stuck()
    private static let mostStuck = 8
    private var known: [UserID: Known] = [:]
    private var knownNames: [GroupID: (name: String?, until: Int64)] = [:]
    private var waiting: [UserID: [(Answer) -> Void]] = [:]
    private var questions: [Int: Question] = [:]
    private var lastQuestion = 0

    init(loop: EventLoop, bounds: Bounds) throws(SystemError) {
        self.loop = loop
        self.bounds = bounds
        replies = try LoopQueue()
        lookup = IdentityLookup(questions: try LoopQueue())
        worker = try Self.makeWorker(bounds, stuck)
        _ = try replies.attach(to: loop) { [weak self] in self?.take($0.0, $0.1) }
        _ = try lookup.questions.attach(to: loop) { [weak self] in self?.look(up: $0.user, $0.callback) }
    }

    /// The database's entry of a uid: at once where it is known, else later; the callback runs on the loop's thread.
    func look(up user: UserID, _ callback: @escaping (Answer) -> Void) {
        if let entry = cached(user) { return callback(.success(entry)) }
        waiting[user, default: []].append(callback)
        guard waiting[user]?.count == 1 else { return }
        ask(for: user, { .entry(user, Self.entry(of: user)) }) { [self] reply in
            let callbacks = waiting.removeValue(forKey: user) ?? []
            let answer =
                if case .entry(_, let answer) = reply { answer } else {
                    Answer.failure(.tookTooLong(seconds: bounds.lookupSeconds))
                }
            for callback in callbacks { callback(answer) }
        }
    }

    /// The entry that was looked up a moment ago.
    func cached(_ user: UserID) -> Entry? {
        guard let known = known[user], known.until > Clock.monotonic() else { return nil }
        return known.entry
    }

    /// A user by name; nil where there is none. The callback runs on the loop's thread.
    func find(
        _ name: String, for asker: UserID, _ callback: @escaping (Result<Account?, Failure>) -> Void
    ) {
        ask(for: asker, { .account(Self.account(of: name)) }) { [self] reply in
            if case .account(let answer) = reply { return callback(answer) }
            callback(.failure(.tookTooLong(seconds: bounds.lookupSeconds)))
        }
    }

    /// Names of groups, for people to read: those that the database has, or none where it does not answer in time.
    ///
    /// Anybody may ask for his own as often as he likes, and he chooses how many they are, while the identities of others
    /// wait behind it. So each name is looked up once in `lookupCacheSeconds`, like a user; others come in between where
    /// the database is slow; and the search ends in half the time, so that it never looks as if the thread hung.
    func names(of groups: [GroupID], for user: UserID, _ callback: @escaping ([GroupID: String]) -> Void) {
        let now = Clock.monotonic()
        let missing = groups.filter { (knownNames[$0]?.until ?? 0) <= now }
        guard !missing.isEmpty else { return callback(cachedNames(of: groups)) }
        let worker = worker
        let deadline = now + Int64(bounds.lookupSeconds) * 500_000_000
        ask({ answer in
            worker.run(for: user) {
                Self.look(up: missing[...], [:], on: worker, for: user, until: deadline) { answer(.groupNames($0)) }
            }
        }) { [self] _ in callback(cachedNames(of: groups)) }
    }

    private func cachedNames(of groups: [GroupID]) -> [GroupID: String] {
        var names: [GroupID: String] = [:]
        for group in groups { names[group] = knownNames[group]?.name }
        return names
    }

    private func ask(
        for user: UserID, _ question: @escaping @Sendable () -> Reply, _ settle: @escaping (Reply?) -> Void
    ) {
        let worker = worker
        ask({ answer in worker.run(for: user) { answer(question()) } }, settle)
    }

    /// Waits for the answer to a question that `start` has asked on the worker of now; false is that it was not taken.
    private func ask(
        _ start: (_ answer: @escaping @Sendable (Reply) -> Void) -> Bool, _ settle: @escaping (Reply?) -> Void
    ) {
        lastQuestion += 1
        let number = lastQuestion
        let replies = replies
        guard start({ replies.post((number, $0)) }) else { return settle(nil) }
        let timer = loop.schedule(at: Clock.monotonic() + Int64(bounds.lookupSeconds) * 1_000_000_000) {
            [weak self] in self?.giveUp(on: number)
        }
        questions[number] = Question(settle: settle, worker: worker, timer: timer)
    }

    private func take(_ number: Int, _ reply: Reply) {
        // Also one that nobody waits for any more: the next to ask finds it.
        switch reply {
        case .entry(let user, .success(let entry)): remember(user, entry)
        case .entry(_, .failure), .account: break
        case .groupNames(let names): remember(names)
        }
        guard let question = questions.removeValue(forKey: number) else { return }
        loop.cancel(question.timer)
        question.settle(reply)
    }

    private func remember(_ user: UserID, _ entry: Entry) {
        let now = Clock.monotonic()
        if known.count >= 4096 { known = known.filter { $0.value.until > now } }
        known[user] = Known(entry: entry, until: now + Int64(bounds.lookupCacheSeconds) * 1_000_000_000)
    }

    private func remember(_ names: [GroupID: String?]) {
        let now = Clock.monotonic()
        if knownNames.count >= 4096 { knownNames = knownNames.filter { $0.value.until > now } }
        let until = now + Int64(bounds.lookupCacheSeconds) * 1_000_000_000
        for (group, name) in names { knownNames[group] = (name, until) }
    }

    /// Answers those who waited, and leaves the stuck thread to itself: others get a new one, up to a bound.
    private func giveUp(on number: Int) {
        guard let question = questions.removeValue(forKey: number) else { return }
        // Of those who waited for one thread, the first has replaced it; the new one may be well.
        if question.worker === worker, stuck.count.withLock({ $0 }) < Self.mostStuck,
            let fresh = try? Self.makeWorker(bounds, stuck)
        {
            // Without a new thread look-ups go on failing, which is safe.
            stuck.count.withLock { $0 += 1 }
            worker.finish()
            worker = fresh
        }
        question.settle(nil)
    }

    private static func makeWorker(_ bounds: Bounds, _ stuck: Stuck) throws(SystemError) -> Worker {
        try Worker(named: "names", bounds: bounds, last: { stuck.count.withLock { $0 -= 1 } })
    }

    /// Blocks as long as the database likes.
    private static func entry(of uid: UserID) -> Answer {
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

    private static func account(of name: String) -> Result<Account?, Failure> {
        switch UserDatabase.user(named: name) {
        case .unknown: .success(nil)
        case .failed(let code): .failure(.failed(code))
        case .found(let user):
            switch UserDatabase.groups(of: user) {
            case .found(let groups): .success(Account(user: user, groups: groups))
            case .unknown: .success(Account(user: user, groups: [user.group]))
            case .failed(let code): .failure(.failed(code))
            }
        }
    }

    /// How long the names of one caller are looked up before others come in between.
    private static let turnNanoseconds: Int64 = 10_000_000

    /// Names of groups, as many as are found in time.
    private static func look(
        up groups: ArraySlice<GroupID>, _ known: [GroupID: String?], on worker: Worker, for user: UserID,
        until deadline: Int64, _ finish: @escaping @Sendable ([GroupID: String?]) -> Void
    ) {
        var names = known
        var rest = groups
        let turn = Clock.monotonic() + turnNanoseconds
        while let gid = rest.popFirst() {
            let name: String? = if case .found(let group) = UserDatabase.group(gid) { group.name } else { nil }
            names.updateValue(name, forKey: gid)
            let now = Clock.monotonic()
            if now >= deadline { break }
            guard now < turn || rest.isEmpty else {
                let (names, rest) = (names, rest)
                worker.goOn(for: user) {
                    look(up: rest, names, on: worker, for: user, until: deadline, finish)
                }
                return
            }
        }
        finish(names)
    }
}
