import JSON
import MIG

/// What a rule is about: actions, GPUs, profiles, and where the caller comes from.
extension PolicyReader {
    /// A narrowing that a rule asks for, by its number in the vocabulary, and where it does.
    struct Narrowing {
        let number: Int
        let offset: Int
    }

    mutating func readActions(_ object: inout JSONObjectReader) -> ActionSet? {
        guard object.take("actions") != nil else {
            report(.shape(object.missing("actions")), at: object.offset)
            return nil
        }
        guard let words = readTexts("actions", &object) else { return nil }
        var actions: ActionSet = []
        for word in words.texts {
            guard let action = Action(word: word.text) else {
                report(.unknownAction(word.text), at: word.offset)
                continue
            }
            if !actions.insert(ActionSet(action)).inserted { report(.listedTwice(word.text), at: word.offset) }
        }
        return actions
    }

    /// Nil where the rule is about every GPU.
    mutating func readGPUs(_ object: inout JSONObjectReader) -> Narrowing? {
        guard let texts = readTexts("gpus", &object) else { return nil }
        var selectors: [GPUSelector] = []
        for entry in texts.texts {
            guard let selector = GPUSelector(entry.text) else {
                report(.badGPU(entry.text), at: entry.offset)
                continue
            }
            if selectors.contains(selector) { report(.listedTwice(entry.text), at: entry.offset) }
            selectors.append(selector)
        }
        guard !selectors.contains(.all) else { return nil }
        return Narrowing(number: vocabulary.gpuLists.number(of: selectors), offset: texts.offset)
    }

    /// Nil where the rule is about every profile.
    mutating func readProfiles(_ object: inout JSONObjectReader) -> Narrowing? {
        guard let texts = readTexts("profiles", &object) else { return nil }
        var names: [Int] = []
        var maxSlices = 0
        var isAll = false
        for entry in texts.texts {
            if entry.text.hasBytes(of: "all") {
                isAll = true
            } else if let count = Self.maxSlices(entry.text) {
                maxSlices = max(maxSlices, count)
            } else if let problem = Self.problem(ofProfile: entry.text) {
                report(problem, at: entry.offset)
            } else {
                let number = vocabulary.profiles.number(of: Array(entry.text.utf8))
                if names.contains(number) { report(.listedTwice(entry.text), at: entry.offset) }
                names.append(number)
            }
        }
        guard !isAll else { return nil }
        let filter = ProfileFilter(names: names, maxSlices: maxSlices)
        return Narrowing(number: vocabulary.filters.number(of: filter), offset: texts.offset)
    }

    private static func maxSlices(_ text: String) -> Int? {
        let prefix = "max-slices:"
        guard text.utf8.starts(with: prefix.utf8),
            let count = Decimal.value(of: String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)),
            (1...64).contains(count)
        else { return nil }
        return count
    }

    private static func problem(ofProfile text: String) -> PolicyProblem? {
        guard ProfileName.hasForm(Array(text.utf8)) else { return .badProfile(text) }
        // `1c.3g.20gb`: decisions are made about GPU instances, so such a name would never match.
        return text.utf8.contains(UInt8(ascii: "c")) ? .computeProfile(text) : nil
    }

    /// Refuses a selector beside an action that it could not narrow: ignoring it would allow more than was written.
    ///
    /// Only an allow of `read.own` may stand beside selectors, since everyone who may request needs it too.
    mutating func checkSelectors(_ gpus: Narrowing?, _ profiles: Narrowing?, _ actions: ActionSet, isAllow: Bool) {
        for action in actions.actions where !(isAllow && action == .readOwn) {
            if let gpus, action.subject == .broker {
                report(.meaninglessSelector(key: "gpus", action), at: gpus.offset)
            }
            if let profiles, action.subject != .instance {
                report(.meaninglessSelector(key: "profiles", action), at: profiles.offset)
            }
        }
    }

    /// One of a few words, or nil where the key is absent or the word is none of them.
    mutating func readWord<Word: RawRepresentable<String>>(
        _ key: String, of words: [Word], _ object: inout JSONObjectReader
    ) -> Word? {
        guard let value = object.take(key) else { return nil }
        guard let given = value.stringValue else {
            report(.shape(object.expected("a string", key, value)), at: value.offset)
            return nil
        }
        guard let word = words.first(where: { $0.rawValue.hasBytes(of: given) }) else {
            report(.unknownWord(key: key, given: given, known: words.map(\.rawValue)), at: value.offset)
            return nil
        }
        return word
    }

    private typealias Texts = (texts: [(text: String, offset: Int)], offset: Int)

    /// A list of strings with at least one; nil where it is absent or anything is wrong with it.
    private mutating func readTexts(_ key: String, _ object: inout JSONObjectReader) -> Texts? {
        guard let list = object.take(key) else { return nil }
        guard let elements = list.arrayValue else {
            report(.shape(object.expected("an array", key, list)), at: list.offset)
            return nil
        }
        guard !elements.isEmpty else {
            report(.emptyList(object.path(of: key)), at: list.offset)
            return nil
        }
        var texts: [(text: String, offset: Int)] = []
        for (index, element) in elements.enumerated() {
            if let text = element.stringValue {
                texts.append((text, element.offset))
            } else {
                let path = "\(object.path(of: key))[\(index)]"
                report(.shape(JSONShapeError(path, .expected("a string"), at: element.offset)), at: element.offset)
            }
        }
        return (texts, list.offset)
    }
}
