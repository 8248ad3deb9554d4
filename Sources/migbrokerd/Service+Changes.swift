import API
import Audit
import Broker
import JSON
import MIG
import Policy
import Varlink

extension Service {
    /// Sends a change to the change thread, which answers when it is done. A client that leaves changes nothing.
    func change(_ method: Method, _ parameters: JSONValue, _ context: CallContext) throws(VarlinkError) -> VarlinkAnswer
    {
        let change = try change(of: method, parameters)
        guard let name = change.onBehalfOf, context.principal.name?.hasBytes(of: name) != true else {
            return .later { [self] responder in make(change.work, context, responder) }
        }
        // First, so that nobody learns from the answer which users there are; the pipeline asks again.
        try requireActing(for: name, context)
        return .later { [self] responder in
            identities.find(name, for: context.principal.user) { [self] answer in
                switch answer {
                case .failure(let failure):
                    responder.finish(.error(BrokerError.identityUnavailable(reason: "\(failure)").varlink))
                case .success(nil):
                    responder.finish(.error(denied(.notFound(.user, name), context)))
                case .success(let account?):
                    var acting = context
                    acting.onBehalfOf = account.principal(from: context.principal.origin)
                    make(change.work, acting, responder)
                }
            }
        }
    }

    private func make(_ work: @escaping Work, _ context: CallContext, _ responder: VarlinkResponder) {
        let broker = broker
        let views = views(context)
        let isTaken = changes.run(for: context.principal.user) {
            responder.finish(Self.message(Result { () throws(Refusal) in try work(broker, context) }, broker, views))
        }
        if !isTaken { responder.finish(.error(BrokerError.tooManyRequests.varlink)) }
    }

    private func requireActing(for name: String, _ context: CallContext) throws(VarlinkError) {
        do throws(Refusal) {
            try broker.permits(.actAs, to: context.principal)
        } catch {
            var record = broker.denial(error, context)
            record?.params = "on behalf of \(name)"
            noteDenial(record)
            throw wireError(error, context)
        }
    }

    /// A change whose parameters are checked, ready to be made for whoever turns out to call.
    private typealias Work = @Sendable (Broker, CallContext) throws(Refusal) -> Outcome

    private struct Change {
        let work: Work
        /// Whom it is to be made for; nil is the caller.
        var onBehalfOf: String?

        init(onBehalfOf: String? = nil, _ work: @escaping Work) throws(VarlinkError) {
            self.work = work
            self.onBehalfOf = try Service.text(onBehalfOf, "onBehalfOf")
        }
    }

    private func change(of method: Method, _ parameters: JSONValue) throws(VarlinkError) -> Change {
        let bounds = broker.configuration.bounds
        switch method {
        case .request:
            let request = try LeaseRequest(parameters: parameters)
            let wish = try request.wish(bounds: bounds)
            return try Change(onBehalfOf: request.onBehalfOf) { broker, context throws(Refusal) in
                .request(try broker.request(wish, context))
            }
        case .createGPUInstances:
            let wish = try CreateGPUInstancesRequest(parameters: parameters).wish(bounds: bounds)
            return try Change { broker, context throws(Refusal) in
                .change(Changed(try broker.request(wish, context)))
            }
        case .destroyGPUInstances:
            let request = try DestroyGPUInstancesRequest(parameters: parameters)
            let targets = try request.instances.targets("instances")
            let terms = try ChangeTerms(request.dryRun, request.key, request.plan)
            return try Change { broker, context throws(Refusal) in
                .change(
                    try broker.destroyGPUInstances(
                        targets, isDryRun: terms.isDryRun, key: terms.key, plan: terms.plan, context))
            }
        case .createComputeInstances:
            let wish = try CreateComputeInstancesRequest(parameters: parameters).wish()
            return try Change { broker, context throws(Refusal) in
                .change(try broker.createComputeInstances(wish, context))
            }
        case .destroyComputeInstances:
            let request = try DestroyComputeInstancesRequest(parameters: parameters)
            let targets = try request.computeInstances.targets()
            let terms = try ChangeTerms(request.dryRun, request.key, request.plan)
            return try Change { broker, context throws(Refusal) in
                .change(
                    try broker.destroyComputeInstances(
                        targets, isDryRun: terms.isDryRun, key: terms.key, plan: terms.plan, context))
            }
        case .setMIGMode:
            let wish = try SetMIGModeRequest(parameters: parameters).wish()
            return try Change { broker, context throws(Refusal) in .modes(try broker.setMode(wish, context)) }
        case .renew:
            let request = try RenewRequest(parameters: parameters)
            let span = try Self.span(request.seconds)
            let terms = try ChangeTerms(request.dryRun, request.key)
            guard let id = LeaseID(request.lease) else {
                throw BrokerError.notFound(what: "lease", name: request.lease).varlink
            }
            return try Change(onBehalfOf: request.onBehalfOf) { broker, context throws(Refusal) in
                let (operation, lease) = try broker.renew(
                    id, for: span, isDryRun: terms.isDryRun, key: terms.key, context)
                return .renew(operation, lease)
            }
        default:
            let request = try ReleaseRequest(parameters: parameters)
            let terms = try ChangeTerms(request.dryRun, request.key)
            let ids = try Self.ids(request.leases)
            return try Change(onBehalfOf: request.onBehalfOf) { broker, context throws(Refusal) in
                .release(try broker.release(ids, isDryRun: terms.isDryRun, key: terms.key, context))
            }
        }
    }

    /// What a change came to.
    private enum Outcome: Sendable {
        case request(Granted)
        case renew(OperationID?, Lease)
        case release(Released)
        case change(Changed)
        case modes(ModesChanged)
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
                    plan: granted.plan.steps.compactMap(views.planned), leases: granted.leases.map(views.lease)
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
        case .success(.change(let changed)):
            return .reply(
                ChangeReply(
                    operation: changed.operation?.description, dryRun: changed.operation == nil,
                    plan: views.plan(changed.plan), leases: changed.leases.map(views.lease)
                ).json)
        case .success(.modes(let modes)):
            return .reply(
                SetMIGModeReply(
                    operation: modes.change.operation?.description, dryRun: modes.isDryRun,
                    plan: views.plan(modes.change.plan), leases: modes.change.leases.map(views.lease),
                    modes: modes.gpus.compactMap(views.modeEnding)
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
