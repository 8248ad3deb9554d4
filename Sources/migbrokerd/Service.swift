import API
import Audit
import Broker
import JSON
import Linux
import MIG
import Policy
import Varlink

/// The broker as its clients meet it: every call becomes a principal, then a question or a change, then an answer.
///
/// Belongs to the loop's thread. Reads are answered here from the snapshot; changes go to the change thread, questions
/// about the audit log to one of their own, for their answers take as long as the clients, and what else reads files
/// or looks up names to a thread for slow work. The loop itself never waits.
final class Service: VarlinkService {
    let identity = VarlinkServiceIdentity(
        vendor: BrokerInterface.vendor, product: BrokerInterface.product, version: BrokerInterface.version,
        url: BrokerInterface.url, interfaces: [VarlinkInterface(BrokerInterface.description)],
        tooManyConnections: BrokerError.tooManyRequests.varlink, replyTooLong: BrokerError.tooManyRequests.varlink)

    let broker: Broker
    let changes: Worker
    let slow: Worker
    let records: Worker
    let followers: AuditFollowers
    let identities: Identities
    let owners: Owners
    let witnesses: Witnesses
    private var rates: UserRates
    private var monitors: [VarlinkResponder] = []
    /// The latest of each user.
    private var standings: [UserID: Standing] = [:]
    private var replies: [ReplyKey: VarlinkMessage] = [:]
    private var repliesOf = -1

    /// What makes a read's answer what it is, besides the snapshot.
    private struct ReplyKey: Hashable {
        let method: Method
        let user: UserID
        let name: String?
        let seesAll: Bool
        let parameters: [UInt8]
    }

    init(
        broker: Broker, changes: Worker, slow: Worker, records: Worker, identities: Identities, witnesses: Witnesses,
        followers: AuditFollowers
    ) {
        self.broker = broker
        self.changes = changes
        self.slow = slow
        self.records = records
        self.identities = identities
        owners = Owners(broker: broker, changes: changes, identities: identities)
        self.witnesses = witnesses
        self.followers = followers
        rates = UserRates(
            perSecond: broker.configuration.bounds.changesPerSecond, burst: broker.configuration.bounds.changeBurst)
    }

    func answer(_ call: VarlinkCall) throws(VarlinkError) -> VarlinkAnswer {
        guard let method = Method(name: call.member) else { throw .methodNotFound(call.method) }
        if method == .monitor, call.mode != .more { throw .expectedMore }
        if method.isChange, !rates.take(call.caller.user, now: Clock.monotonic()) {
            noteDenial(Self.denial(of: call, by: identities.cached(call.caller.user)?.name, "TooManyRequests"))
            throw BrokerError.tooManyRequests.varlink
        }
        if let entry = identities.cached(call.caller.user) {
            return try answer(call, method, standing(of: call.caller, entry))
        }
        // The process may be gone by the time the look-up is done, and what it was with it.
        _ = call.caller.origin()
        _ = call.caller.process()
        return .later { [self] responder in
            identities.look(up: call.caller.user) { [self] result in
                switch result {
                case .failure(let failure):
                    noteUnknown(call, failure)
                    responder.finish(.error(BrokerError.identityUnavailable(reason: "\(failure)").varlink))
                case .success(let entry): give(call, method, standing(of: call.caller, entry), to: responder)
                }
            }
        }
    }

    /// Gives the answer of a call whose caller had to be looked up first.
    private func give(_ call: VarlinkCall, _ method: Method, _ standing: Standing, to responder: VarlinkResponder) {
        do throws(VarlinkError) {
            switch try answer(call, method, standing) {
            case .now(let message): responder.finish(message)
            case .later(let start): start(responder)
            }
        } catch {
            responder.finish(.error(error))
        }
    }

    private func answer(
        _ call: VarlinkCall, _ method: Method, _ standing: Standing
    ) throws(VarlinkError) -> VarlinkAnswer {
        let context = context(call, method, standing)
        if case .right(let action) = method.requirement, action != .readOwn || !standing.mayRead {
            try require(action, context)
        }
        switch method {
        case .request, .renew, .release, .createGPUInstances, .destroyGPUInstances, .createComputeInstances,
            .destroyComputeInstances, .setMIGMode:
            return try change(method, call.parameters, context)
        case .queryAudit, .queryUsage, .verifyAudit, .explainRecord, .checkPolicy, .reloadPolicy:
            return try slowly(method, call.parameters, context)
        case .explain: return try explain(call.parameters, context)
        case .monitor:
            try NoParameters.check(call.parameters)
            return .later { [self] responder in follow(responder) }
        case .whoAmI:
            try NoParameters.check(call.parameters)
            return whoAmI(context)
        case .getHealth:
            try NoParameters.check(call.parameters)
            return health(context)
        case .listGPUs, .listProfiles, .listInstances, .listDevices, .listLeases, .getOperation:
            return .now(try read(method, call.parameters, context, seesAll: standing.seesAll))
        }
    }

    /// A right that does not depend on any GPU or lease; its absence is on record.
    func require(_ action: Action, _ context: CallContext) throws(VarlinkError) {
        do throws(Refusal) {
            try broker.permits(action, to: context.principal)
        } catch {
            throw denied(error, context)
        }
    }

    /// A refusal as the caller hears it, after it was put on record.
    func denied(_ refusal: Refusal, _ context: CallContext) -> VarlinkError {
        noteDenial(broker.denial(refusal, context))
        return wireError(refusal, context)
    }

    func wireError(_ refusal: Refusal, _ context: CallContext) -> VarlinkError {
        if case .badRequest(let field, _) = refusal { return .invalidParameter(field) }
        return BrokerError(refusal, views(context)).varlink
    }

    func views(_ context: CallContext) -> Views {
        Views(
            snapshot: broker.snapshot, viewer: context.principal,
            seesAll: (try? broker.permits(.readAll, to: context.principal)) != nil)
    }

    private func standing(of peer: PeerCredentials, _ entry: Identities.Entry) -> Standing {
        if let known = standings[peer.user], known.holds(for: peer, entry, broker) { return known }
        if standings.count >= 4096 { standings.removeAll() }
        let standing = Standing(peer, entry, broker)
        owners.compare(peer.user, with: entry)
        standings[peer.user] = standing
        return standing
    }

    /// A change is recorded, so what its process is must be read now: it may be gone when the record is made.
    private func context(_ call: VarlinkCall, _ method: Method, _ standing: Standing) -> CallContext {
        var principal = standing.principal
        if method.isChange { _ = call.caller.process() }
        if method.isChange || method == .whoAmI { principal.origin = Origin(of: call.caller) }
        return CallContext(
            principal: principal, connection: Int64(clamping: call.connection), method: method.rawValue,
            peer: call.caller)
    }

    // MARK: - Reads

    /// Answers from the snapshot; the same question about the same snapshot is answered with the same bytes.
    private func read(
        _ method: Method, _ parameters: JSONValue, _ context: CallContext, seesAll: Bool
    ) throws(VarlinkError) -> VarlinkMessage {
        let views = Views(snapshot: broker.snapshot, viewer: context.principal, seesAll: seesAll)
        if !views.seesAll, Self.asksForAll(parameters) { try require(.readAll, context) }
        if views.snapshot.number != repliesOf || replies.count > 256 {
            replies.removeAll(keepingCapacity: true)
            repliesOf = views.snapshot.number
        }
        let key = ReplyKey(
            method: method, user: views.viewer.user, name: views.viewer.name, seesAll: views.seesAll,
            parameters: parameters.bytes())
        if let known = replies[key] { return known }
        let message = VarlinkMessage.reply(try views.reply(to: method, parameters))
        replies[key] = message
        return message
    }

    /// Whether others' things are asked for too; whether the parameters are well-formed is for their reader to say.
    private static func asksForAll(_ parameters: JSONValue) -> Bool {
        parameters["all"]?.boolValue == true
    }

    private func follow(_ responder: VarlinkResponder) {
        // Those who left are let go of here too: it may be long until something changes.
        monitors.removeAll { !$0.isOpen }
        if tell(responder, broker.snapshot.number) { monitors.append(responder) }
    }

    /// Tells those who follow that there is a new snapshot.
    func didChange(to number: Int) {
        monitors.removeAll { !tell($0, number) }
    }

    /// Tells one of them. Who does not read for too long is no longer told anything, and loses his connection with that:
    /// what he missed must not look like nothing.
    private func tell(_ responder: VarlinkResponder, _ number: Int) -> Bool {
        responder.send(.partial(MonitorReply(change: number).json))
    }

    /// Ends what would otherwise wait for ever.
    func stop() {
        for responder in monitors { responder.finish(.reply(MonitorReply(change: broker.snapshot.number).json)) }
        monitors = []
        followers.end()
    }

    // MARK: - Who was turned away

    private static func denial(of call: VarlinkCall, by name: String?, _ error: String) -> AuditRecord {
        var record = AuditRecord(.denied)
        record.method = call.member
        record.conn = Int64(clamping: call.connection)
        record.caller.uid = call.caller.user
        record.caller.user = name
        record.caller.pid = call.caller.pid
        record.error = error
        record.decision = .deny
        return record
    }

    private func noteUnknown(_ call: VarlinkCall, _ failure: Identities.Failure) {
        var record = Self.denial(of: call, by: nil, "IdentityUnavailable")
        record.reason = "\(failure)"
        noteDenial(record)
    }

    /// Counts a denial here and has it written elsewhere, for the loop never waits for the disk.
    func noteDenial(_ record: AuditRecord?) {
        guard let record, broker.audit.count(record) else { return }
        let broker = broker
        // Where the thread has too much to do already, the next upkeep writes it.
        _ = slow.run(for: record.caller.uid ?? .root) { broker.audit.writeDenials() }
    }

    func didRefuse(_ refusal: VarlinkRefusal) {
        var record = AuditRecord(.denied)
        record.decision = .deny
        record.method = "connect"
        switch refusal {
        case .identity(let error):
            record.error = "IdentityUnavailable"
            record.reason = "\(error)"
        case .tooManyConnections(let peer):
            record.caller.uid = peer.user
            record.caller.pid = peer.pid
            record.error = "TooManyRequests"
        case .closed(let peer, let connection, let misconduct):
            record.caller.uid = peer.user
            record.caller.pid = peer.pid
            record.conn = Int64(clamping: connection)
            record.error = "Closed"
            record.reason = "\(misconduct)"
            // A client that sits idle and is let go has done nothing worth a record.
            if misconduct == .idle { return }
        }
        noteDenial(record)
    }
}
