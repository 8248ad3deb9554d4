/// What must be known of a profile before it can be offered; raw values are the words of `migsim show --json`.
package enum ProfileFact: String, CaseIterable, Sendable {
    case id
    case memory = "memoryMiB"
    case multiprocessors
    case copyEngines
    case decoders
    case encoders
    case jpeg
    case ofa

    /// For people.
    package var text: String {
        switch self {
        case .id: "profile id"
        case .memory: "memory"
        case .multiprocessors: "multiprocessors"
        case .copyEngines: "copy engines"
        case .decoders: "decoders"
        case .encoders: "encoders"
        case .jpeg: "JPEG engines"
        case .ofa: "OFA engines"
        }
    }
}
