import API
import Broker
import JSON
import Linux
import MIG
import Policy
import Varlink

/// What a caller may learn of himself, and what the policy would say.
extension Service {
    /// Names of groups are looked up; where the user database does not answer, the numbers stand alone.
    func whoAmI(_ context: CallContext) -> VarlinkAnswer {
        let principal = context.principal
        let groups = Array(principal.peerGroups.union(principal.databaseGroups).sorted().prefix(256))
        return .later { [self] responder in
            identities.names(of: groups, for: principal.user) { [self] names in
                responder.finish(.reply(whoAmI(principal, groups.map { ($0, names[$0]) }).json))
            }
        }
    }

    private func whoAmI(_ principal: Principal, _ groups: [(id: GroupID, name: String?)]) -> WhoAmIReply {
        WhoAmIReply(
            uid: Int(principal.user.rawValue), user: principal.name, gid: Int(principal.primaryGroup.rawValue),
            groups: groups.map { GroupInfo(gid: Int($0.id.rawValue), name: $0.name) },
            origin: principal.origin.rawValue,
            rights: broker.rights(of: principal).map { right in
                API.Right(
                    action: right.action.rawValue, rules: right.rules,
                    hours: right.hours.map { API.RuleHours(rule: $0.rule, during: $0.during) })
            },
            limits: broker.limits(on: principal).flatMap(Self.limits),
            isolation: broker.snapshot.isolation.rawValue, policy: broker.policy.set?.hash)
    }

    private static func limits(_ status: LimitStatus) -> [LimitUse] {
        status.amounts.map { amount in
            LimitUse(
                limit: status.id, scope: status.scope.rawValue,
                dimension: amount.dimension == .memory ? "memoryMiB" : amount.dimension.rawValue, used: amount.used,
                maximum: amount.max)
        }
    }

    func explain(_ parameters: JSONValue, _ context: CallContext) throws(VarlinkError) -> VarlinkAnswer {
        let request = try ExplainRequest(parameters: parameters)
        guard let action = Action(word: request.action) else { throw VarlinkError.invalidParameter("action") }
        let bounds = broker.configuration.bounds
        let kind: Wish.Kind
        if let profiles = request.profiles {
            kind = .profiles(try LeaseRequest.selectors(profiles, count: 1, bounds))
        } else {
            // The least that anybody could ask for: what is denied for it is denied for all.
            kind = .smallest(memoryMiB: 1, multiprocessors: nil, count: 1)
        }
        let wish = Wish(
            kind: kind,
            gpus: try request.gpu.map { (text) throws(VarlinkError) in [try LeaseRequest.selector(text)] } ?? [],
            duration: try Self.span(request.seconds))
        guard let user = request.user, context.principal.name?.hasBytes(of: user) != true else {
            return .now(Self.explanation(action, wish, context.principal, broker, views(context)))
        }
        try require(.readPolicy, context)
        // For somebody else: as if he had just logged in on the host.
        return .later { [self] responder in
            identities.find(user, for: context.principal.user) { [self] answer in
                let message: VarlinkMessage =
                    switch answer {
                    case .failure(let failure):
                        .error(BrokerError.identityUnavailable(reason: "\(failure)").varlink)
                    case .success(nil): .error(BrokerError.notFound(what: "user", name: user).varlink)
                    case .success(let account?):
                        Self.explanation(action, wish, account.principal(from: .host), broker, views(context))
                    }
                responder.finish(message)
            }
        }
    }

    /// A decision as it is told.
    static func decision(of decision: Decision, _ views: Views) -> DecisionInfo {
        let gpus = Set((decision.terms?.gpus ?? []).joined())
        return DecisionInfo(
            allowed: decision.isAllowed,
            reason: decision.denial?.why ?? "allowed by \(decision.rules.joined(separator: ", "))",
            rules: decision.rules, limits: decision.limits,
            gpus: views.snapshot.inventory.entries.map(\.gpu).filter { gpus.contains($0.uuid) }
                .map(Views.reference), seconds: decision.terms?.duration?.seconds,
            onExpiry: decision.terms.flatMap { $0.duration != nil && $0.killsOnExpiry ? "kill" : nil })
    }

    private static func explanation(
        _ action: Action, _ wish: Wish, _ principal: Principal, _ broker: Broker, _ views: Views
    ) -> VarlinkMessage {
        do throws(Refusal) {
            let decision = try broker.explain(action, wish, for: principal)
            return .reply(ExplainReply(decision: Self.decision(of: decision, views)).json)
        } catch {
            if case .noPolicy = error {
                let decision = DecisionInfo(
                    allowed: false, reason: error.description, rules: [], limits: [], gpus: [], seconds: nil)
                return .reply(ExplainReply(decision: decision).json)
            }
            return .error(BrokerError(error, views).varlink)
        }
    }
}
