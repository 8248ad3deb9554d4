import API
import Linux
import MIG

/// Finds the GPU instances and compute instances that a person names: `1` where that is clear, else `0:1`, GPU and
/// number; for compute instances with one number more.
struct InstanceNames {
    private let session: Session
    private let arguments: Arguments
    private let gpus: [String]
    private let purpose: SafeText

    init(_ arguments: Arguments, _ session: Session, purpose: SafeText) throws(Failure) {
        self.session = session
        self.arguments = arguments
        self.purpose = purpose
        gpus = try arguments.gpus()
    }

    /// All of one's own on the GPUs named, or with `everybody` all that there are. What a name of a GPU means is the
    /// broker's to say.
    func all(everybody: Bool) throws(Failure) -> [InstanceInfo] {
        var found: [InstanceInfo] = []
        for gpu in gpus.isEmpty ? [nil] : gpus.map(Optional.some) {
            let answer: Answer<ListInstancesReply> = try session.call(
                "ListInstances", ListInstancesRequest(gpu: gpu, all: everybody ? true : nil).json, to: purpose)
            // Two names may mean the same GPU.
            found += answer.reply.instances.filter { new in
                !found.contains { $0.gi == new.gi && $0.gpu.uuid.utf8.elementsEqual(new.gpu.uuid.utf8) }
            }
        }
        return found
    }

    /// Whether a reference that `gpuInstances` made means one of the instances of `all`, which are on the GPUs named.
    func means(_ reference: InstanceReference, _ instance: InstanceInfo) -> Bool {
        let alone = gpus.count == 1 ? gpus : []
        return reference.gi == instance.gi
            && ([instance.gpu.uuid, String(instance.gpu.index)] + alone).contains {
                $0.utf8.elementsEqual(reference.gpu.utf8)
            }
    }

    /// GPU instances by the words for them.
    func gpuInstances(_ words: [String]) throws(Failure) -> [InstanceReference] {
        var references: [InstanceReference] = []
        for numbers in try numbers(words, most: 2) { references.append(try gpuInstance(numbers)) }
        return references
    }

    /// Compute instances by the words for them; a single number is one of each GPU instance given.
    func computeInstances(
        _ words: [String], in parents: [InstanceReference]
    ) throws(Failure) -> [ComputeInstanceReference] {
        var references: [ComputeInstanceReference] = []
        for numbers in try numbers(words, most: 3) {
            guard numbers.count > 1 else {
                guard !parents.isEmpty else {
                    throw Failure(.missingArgument("--gi, or GPU:GI:CI"), verb: arguments.verb)
                }
                references += parents.map { ComputeInstanceReference(gpu: $0.gpu, gi: $0.gi, ci: numbers[0]) }
                continue
            }
            let parent = try gpuInstance(numbers.dropLast())
            references.append(ComputeInstanceReference(gpu: parent.gpu, gi: parent.gi, ci: numbers[numbers.count - 1]))
        }
        return references
    }

    /// `GPU:GI` is taken as it stands; a number alone is one's own instance of it, or the one on the GPU named.
    private func gpuInstance(_ numbers: some RandomAccessCollection<Int>) throws(Failure) -> InstanceReference {
        let numbers = Array(numbers)
        if numbers.count == 2 { return InstanceReference(gpu: String(numbers[0]), gi: numbers[1]) }
        let own = try all(everybody: false).filter { $0.gi == numbers[0] }
        if own.count == 1 { return InstanceReference(gpu: own[0].gpu.uuid, gi: numbers[0]) }
        if own.isEmpty, gpus.count == 1 { return InstanceReference(gpu: gpus[0], gi: numbers[0]) }
        let places = own.map { "\($0.gpu.index):\($0.gi)" }.joined(separator: ", ")
        throw Failure(
            own.isEmpty ? .notFound : .usage,
            what: own.isEmpty
                ? "you have no GPU instance \(numbers[0])" : "GPU instance \(numbers[0]) can be \(places)",
            next: "name it by GPU and number, such as 0:\(numbers[0]); 'migctl instances' shows yours")
    }

    /// All words are read before the broker is asked about the first.
    private func numbers(_ words: [String], most: Int) throws(Failure) -> [[Int]] {
        var all: [[Int]] = []
        for word in words { all.append(try numbers(word, most: most)) }
        return all
    }

    private func numbers(_ word: String, most: Int) throws(Failure) -> [Int] {
        let parts = word.split(separator: ":", omittingEmptySubsequences: false).map { Decimal.value(of: String($0)) }
        let numbers = parts.compactMap { $0 }
        guard numbers.count == parts.count, (1...most).contains(numbers.count), numbers.allSatisfy({ $0 < 1 << 16 })
        else {
            throw Failure(
                .badValue(option: "INSTANCE", value: word, expected: most == 2 ? "GI or GPU:GI" : "CI or GPU:GI:CI"),
                verb: arguments.verb)
        }
        return numbers
    }
}
