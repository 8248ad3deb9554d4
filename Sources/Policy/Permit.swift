package import MIG

/// Leave to make one change; made by this target alone, consumed by whoever makes the change.
///
/// The executor asks `covers` right before it acts, so a permit for one thing cannot be spent on another.
package struct Permit: ~Copyable, Sendable {
    /// Why the broker ends or repairs something that nobody asked it to.
    package enum RepairReason: String, Sendable {
        case expiry
        case undo
        case recovery
        case revocation
    }

    /// What the leave was given for.
    package enum Basis: Sendable {
        /// A caller's query, and the decision that allowed it on these terms.
        case caller(Query, Decision, Terms)
        /// The broker's own act; it ends and repairs, and never creates.
        case repair(RepairReason)
    }

    /// What is about to be done.
    package enum Change: Hashable, Sendable {
        /// Makes one GPU instance for each demand, in the order of the query, with its compute instances.
        case create([Member])
        /// Makes compute instances inside an existing GPU instance.
        case createCompute(on: GPUUUID)
        /// Takes access away, ends leases, destroys instances.
        case end(on: GPUUUID)
        /// Moves the end of a lease, so far from now.
        case renew(on: GPUUUID, for: TimeSpan)
        case setMode(on: GPUUUID)
        /// Puts nodes back to what the ledger says.
        case repairNodes
    }

    /// One instance to be made.
    package struct Member: Hashable, Sendable {
        package let profile: String
        package let gpu: GPUUUID

        package init(profile: String, gpu: GPUUUID) {
            self.profile = profile
            self.gpu = gpu
        }
    }

    package let basis: Basis

    init(_ basis: Basis) { self.basis = basis }

    /// Whether this leave is leave for that.
    package func covers(_ change: Change) -> Bool {
        switch basis {
        case .repair:
            switch change {
            case .end, .repairNodes: true
            case .create, .createCompute, .renew, .setMode: false
            }
        case .caller(let query, _, let terms): Self.covers(change, query, terms)
        }
    }

    private static func covers(_ change: Change, _ query: Query, _ terms: Terms) -> Bool {
        switch (change, query.action) {
        case (.create(let members), .request), (.create(let members), .createGPUInstance):
            guard case .instances(let demands) = query.target, demands.count == members.count else { return false }
            return zip(members, zip(demands, terms.gpus)).allSatisfy { member, allowed in
                member.profile.utf8.elementsEqual(allowed.0.profile.utf8) && allowed.1.contains(member.gpu)
            }
        case (.createCompute(let gpu), .createComputeInstance),
            (.end(let gpu), .releaseOwn), (.end(let gpu), .releaseAny),
            (.end(let gpu), .destroyOwnGPUInstance), (.end(let gpu), .destroyAnyGPUInstance),
            (.end(let gpu), .destroyOwnComputeInstance), (.end(let gpu), .destroyAnyComputeInstance),
            (.setMode(let gpu), .setMode):
            return terms.gpus.contains { $0.contains(gpu) }
        case (.renew(let gpu, let span), .renewOwn), (.renew(let gpu, let span), .renewAny):
            return terms.gpus.contains { $0.contains(gpu) } && terms.duration.map { span <= $0 } == true
        default: return false
        }
    }
}

extension PolicySet {
    /// Decides, and gives leave where the decision allows.
    package func authorize(_ query: Query, use: [UseEntry], now: Timestamp?) throws(Denial) -> Permit {
        let decision = decide(query, use: use, now: now)
        switch decision.outcome {
        case .allowed(let terms): return Permit(.caller(query, decision, terms))
        case .denied(let denial): throw denial
        }
    }

    /// Leave for what the broker does of itself; needs no policy, so that leases end even when none is loaded.
    package static func repairPermit(_ reason: Permit.RepairReason) -> Permit { Permit(.repair(reason)) }
}
