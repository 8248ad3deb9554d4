/// The interface that the broker speaks, as clients introspect it.
package enum BrokerInterface {
    package static let name = "io.migbroker.Broker"
    package static let vendor = "migbroker"
    package static let product = "migbroker"
    package static let version = "0.1.0"
    package static let url = "https://io.migbroker"

    /// The full name of a method or an error of the interface.
    package static func qualified(_ member: String) -> String { "\(name).\(member)" }

    /// The Varlink text. Lines end in LF alone, and every comment stands before a member or a field: stricter than the
    /// grammar, because the parsers in use are.
    package static let description = [head, types, methods, errors].joined(separator: "\n")

    private static let head = """
        # MIG slices for the users of one server: request a slice, use it, give it back.
        #
        # Who calls is what the kernel says of the connection. Times are RFC 3339 in UTC, spans are seconds, memory is
        # MiB. A GPU is named by index, UUID, PCI bus id or model:GLOB; a profile by name or by the driver's id.
        interface io.migbroker.Broker

        """

    private static let errors = """
        # No rule allows it, or a rule denies it.
        error NotAuthorized (action: string, reason: string, rules: []string, message: string)

        # The user or his groups could not be looked up.
        error IdentityUnavailable (reason: string, message: string)

        error QuotaExceeded (limit: string, dimension: string, used: int, asked: int, maximum: int, message: string)

        error TooManyRequests (message: string)

        # No placement is free. gpus shows the slots as ListGPUs does.
        # The instance is there where compute instances found no room in it: GPU:GI.
        error NoRoom (profiles: []string, gpus: []GPU, instance: ?string, message: string)

        error InUse (what: string, message: string)

        error PendingReset (gpu: string, message: string)

        error MIGDisabled (gpus: []string, message: string)

        # These GPUs cannot be cut at all.
        error MIGUnsupported (gpus: []string, message: string)

        # The state has moved since the plan was shown. Nothing was done.
        error PlanChanged (message: string)

        error DeviceGateClosed (node: string, problem: string, fix: string, message: string)

        error AuditUnavailable (reason: string, message: string)

        error NotFound (what: string, name: string, message: string)

        # A profile id that means different profiles on different GPUs.
        error Ambiguous (what: string, name: string, candidates: []string, message: string)

        error DriverUnavailable (reason: string, message: string)

        # left names what a failed change made and could not take back; as a rule it is empty.
        error DriverError (call: string, code: int, name: string, left: []string, message: string)

        error PolicyInvalid (diagnostics: []Diagnostic, message: string)

        """
}
