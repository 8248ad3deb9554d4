import API
import Broker
import JSON
import MIG
import Policy
import Varlink

extension Views {
    /// The parameters of the reply to a read.
    func reply(to method: Method, _ parameters: JSONValue) throws(VarlinkError) -> JSONValue {
        switch method {
        case .listGPUs, .listProfiles, .listInstances, .listDevices: try requireKnownMachine()
        default: break
        }
        switch method {
        case .listGPUs:
            try NoParameters.check(parameters)
            return ListGPUsReply(gpus: gpus()).json
        case .listProfiles:
            let request = try ListProfilesRequest(parameters: parameters)
            return ListProfilesReply(profiles: profiles(on: try selector(request.gpu))).json
        case .listInstances:
            let request = try ListInstancesRequest(parameters: parameters)
            return ListInstancesReply(
                instances: instances(on: try selector(request.gpu), all: try all(request.all))
            ).json
        case .listDevices:
            let request = try ListDevicesRequest(parameters: parameters)
            return ListDevicesReply(devices: devices(on: try selector(request.gpu), all: try all(request.all))).json
        case .listLeases:
            let request = try ListLeasesRequest(parameters: parameters)
            return ListLeasesReply(leases: leases(all: try all(request.all))).json
        case .getOperation:
            let request = try GetOperationRequest(parameters: parameters)
            return GetOperationReply(operation: try operation(request.operation)).json
        default: preconditionFailure("\(method.rawValue) is not answered from the snapshot alone")
        }
    }

    /// What was never read cannot be shown: an empty list would say that there is nothing.
    private func requireKnownMachine() throws(VarlinkError) {
        guard snapshot.inventory.entries.isEmpty, let problem = snapshot.driverProblem else { return }
        throw BrokerError.driverUnavailable(reason: problem).varlink
    }

    private func selector(_ text: String?) throws(VarlinkError) -> GPUSelector {
        guard let text else { return .all }
        guard let selector = GPUSelector(text) else { throw .invalidParameter("gpu") }
        guard snapshot.inventory.entries.contains(where: { selector.matches($0.gpu) }) else {
            throw BrokerError.notFound(what: "GPU", name: text).varlink
        }
        return selector
    }

    /// Everybody's, which takes the right to it.
    private func all(_ flag: Bool?) throws(VarlinkError) -> Bool {
        guard flag == true else { return false }
        guard seesAll else {
            throw BrokerError.notAuthorized(action: "read.all", reason: "no rule allows read.all", rules: []).varlink
        }
        return true
    }

    private func operation(_ text: String) throws(VarlinkError) -> OperationInfo {
        let known = OperationID(text).flatMap { id in snapshot.changes.last { $0.id == id } }
        guard let known, known.user == viewer.user || seesAll else {
            throw BrokerError.notFound(what: "operation", name: text).varlink
        }
        return OperationInfo(
            id: known.id.description, method: known.method, state: known.state.rawValue, error: known.error,
            leases: known.leases.map(\.description))
    }
}
