import API
import Broker
import JSON
import MIG
import Varlink

extension Service {
    /// Sends a change to the change thread, which answers when it is done. A client that leaves changes nothing.
    func change(_ method: Method, _ parameters: JSONValue, _ context: CallContext) throws(VarlinkError) -> VarlinkAnswer
    {
        let work: @Sendable (Broker) throws(Refusal) -> Outcome
        switch method {
        case .request:
            let request = try LeaseRequest(parameters: parameters)
            let wish = try request.wish(bounds: broker.configuration.bounds)
            work = { broker throws(Refusal) in .request(try broker.request(wish, context)) }
        case .renew:
            let request = try RenewRequest(parameters: parameters)
            let span = try Self.span(request.seconds)
            let key = try Self.text(request.key, "key")
            let isDryRun = request.dryRun ?? false
            guard let id = LeaseID(request.lease) else {
                throw BrokerError.notFound(what: "lease", name: request.lease).varlink
            }
            work = { broker throws(Refusal) in
                let (operation, lease) = try broker.renew(id, for: span, isDryRun: isDryRun, key: key, context)
                return .renew(operation, lease)
            }
        default:
            let request = try ReleaseRequest(parameters: parameters)
            let key = try Self.text(request.key, "key")
            let isDryRun = request.dryRun ?? false
            let ids = try Self.ids(request.leases)
            work = { broker throws(Refusal) in
                .release(try broker.release(ids, isDryRun: isDryRun, key: key, context))
            }
        }
        let broker = broker
        let views = views(context)
        return .later { [self] responder in
            let isTaken = changes.run {
                responder.finish(Self.message(Result { () throws(Refusal) in try work(broker) }, broker, views))
            }
            if !isTaken { responder.finish(.error(BrokerError.tooManyRequests.varlink)) }
        }
    }

    /// What a change came to.
    enum Outcome: Sendable {
        case request(Granted)
        case renew(OperationID?, Lease)
        case release(Released)
    }

    private static func message(
        _ result: Result<Outcome, Refusal>, _ broker: Broker, _ before: Views
    ) -> VarlinkMessage {
        let views = Views(snapshot: broker.snapshot, viewer: before.viewer, seesAll: before.seesAll)
        switch result {
        case .success(.request(let granted)):
            return .reply(
                LeaseReply(
                    operation: granted.operation?.description, dryRun: granted.operation == nil,
                    plan: granted.plan.compactMap(views.planned), leases: granted.leases.map(views.lease)
                ).json)
        case .success(.renew(let operation, let lease)):
            return .reply(
                RenewReply(
                    operation: operation?.description, dryRun: operation == nil, lease: views.lease(lease)
                ).json)
        case .success(.release(let released)):
            return .reply(
                ReleaseReply(
                    operation: released.operation?.description, dryRun: released.operation == nil,
                    leases: released.leases.map(views.lease)
                ).json)
        case .failure(.badRequest(let field, _)): return .error(.invalidParameter(field))
        case .failure(let refusal): return .error(BrokerError(refusal, views).varlink)
        }
    }

    private static func ids(_ texts: [String]) throws(VarlinkError) -> [LeaseID] {
        guard (1...256).contains(texts.count) else { throw .invalidParameter("leases") }
        var ids: [LeaseID] = []
        for text in texts {
            guard let id = LeaseID(text) else { throw BrokerError.notFound(what: "lease", name: text).varlink }
            guard !ids.contains(id) else { throw .invalidParameter("leases") }
            ids.append(id)
        }
        return ids
    }

    static func span(_ seconds: Int?) throws(VarlinkError) -> TimeSpan? {
        guard let seconds else { return nil }
        guard (1...TimeSpan.longest.seconds).contains(seconds) else { throw .invalidParameter("seconds") }
        return TimeSpan(seconds: seconds)
    }

    /// A client's own text: short, not empty, and nothing in it that a terminal would obey; it is shown to others.
    static func text(_ text: String?, _ field: String) throws(VarlinkError) -> String? {
        guard let text else { return nil }
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
        guard (1...128).contains(text.utf8.count), isPlain else { throw .invalidParameter(field) }
        return text
    }
}

extension LeaseRequest {
    /// The wish behind the words, every field held against its bounds.
    func wish(bounds: Bounds) throws(VarlinkError) -> Wish {
        let count = count ?? 1
        guard (1...bounds.instancesPerRequest).contains(count) else { throw .invalidParameter("count") }
        for (value, field) in [(memoryMiB, "memoryMiB"), (multiprocessors, "multiprocessors")] {
            if let value, !(1...1 << 40).contains(value) { throw .invalidParameter(field) }
        }
        let kind: Wish.Kind
        if let profiles {
            guard memoryMiB == nil, multiprocessors == nil else { throw .invalidParameter("profiles") }
            kind = .profiles(try Self.selectors(profiles, count: count, bounds))
        } else {
            guard memoryMiB != nil || multiprocessors != nil else { throw .invalidParameter("profiles") }
            kind = .smallest(memoryMiB: memoryMiB, multiprocessors: multiprocessors, count: count)
        }
        return Wish(
            kind: kind, gpus: try Self.selector(gpu), duration: try Service.span(seconds),
            name: try Service.text(name, "name"), isDryRun: dryRun ?? false, key: try Service.text(key, "key"))
    }

    static func selector(_ gpu: String?) throws(VarlinkError) -> GPUSelector {
        guard let gpu else { return .all }
        guard let selector = GPUSelector(gpu) else { throw .invalidParameter("gpu") }
        return selector
    }

    static func selectors(
        _ profiles: [String], count: Int, _ bounds: Bounds
    ) throws(VarlinkError) -> [ProfileSelector] {
        guard !profiles.isEmpty, profiles.count <= bounds.instancesPerRequest / count else {
            throw .invalidParameter("profiles")
        }
        var selectors: [ProfileSelector] = []
        for text in profiles {
            guard let selector = ProfileSelector(text) else { throw .invalidParameter("profiles") }
            selectors += Array(repeating: selector, count: count)
        }
        return selectors
    }
}
