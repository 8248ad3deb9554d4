import API
import MIG
import Policy

/// Every method of the interface, with the right it takes; a method without one does not compile.
enum Method: String, CaseIterable {
    case listGPUs = "ListGPUs"
    case listProfiles = "ListProfiles"
    case listInstances = "ListInstances"
    case listDevices = "ListDevices"
    case listLeases = "ListLeases"
    case getOperation = "GetOperation"
    case whoAmI = "WhoAmI"
    case getHealth = "GetHealth"
    case explain = "Explain"
    case monitor = "Monitor"
    case request = "Request"
    case renew = "Renew"
    case release = "Release"
    case createGPUInstances = "CreateGPUInstances"
    case destroyGPUInstances = "DestroyGPUInstances"
    case createComputeInstances = "CreateComputeInstances"
    case destroyComputeInstances = "DestroyComputeInstances"
    case setMIGMode = "SetMIGMode"
    case queryAudit = "QueryAudit"
    case queryUsage = "QueryUsage"
    case verifyAudit = "VerifyAudit"
    case explainRecord = "ExplainRecord"
    case checkPolicy = "CheckPolicy"
    case reloadPolicy = "ReloadPolicy"

    init?(name: String) {
        guard let method = Self.allCases.first(where: { $0.rawValue.utf8.elementsEqual(name.utf8) }) else { return nil }
        self = method
    }

    /// Who may call it at all.
    enum Requirement {
        /// Any local user, about himself.
        case anybody
        /// Whoever has this right.
        case right(Action)
        /// The pipeline asks, with the lease or profile at hand.
        case pipeline
    }

    var requirement: Requirement {
        switch self {
        case .whoAmI, .getHealth, .explain: .anybody
        case .listGPUs, .listProfiles, .listInstances, .listDevices, .listLeases, .getOperation, .monitor, .queryAudit,
            .queryUsage:
            .right(.readOwn)
        case .verifyAudit, .explainRecord: .right(.readAudit)
        case .checkPolicy: .right(.readPolicy)
        case .reloadPolicy: .right(.reloadPolicy)
        case .request, .renew, .release, .createGPUInstances, .destroyGPUInstances, .createComputeInstances,
            .destroyComputeInstances, .setMIGMode:
            .pipeline
        }
    }

    /// Whether the change thread answers it.
    var isPipelined: Bool { if case .pipeline = requirement { true } else { false } }

    /// Whether it changes anything, and so counts against the rate of changes.
    var isChange: Bool { isPipelined || self == .reloadPolicy }
}
