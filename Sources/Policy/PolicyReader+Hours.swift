import JSON
import Linux

/// When a rule counts.
extension PolicyReader {
    /// The number of the hours in the vocabulary; nil where the rule always counts, or something is wrong with them.
    mutating func readHours(_ object: inout JSONObjectReader) -> Int? {
        guard let value = object.take("during") else { return nil }
        let elements = value.arrayValue ?? [value]
        guard !elements.isEmpty else {
            report(.emptyList(object.path(of: "during")), at: value.offset)
            return nil
        }
        var texts: [String] = []
        var windows: [Hours.Window] = []
        for element in elements {
            guard let text = element.stringValue else {
                report(
                    .shape(object.expected("a string or an array of strings", "during", element)), at: element.offset)
                continue
            }
            guard let form = Hours.Form(text) else {
                report(.badHours(text), at: element.offset)
                continue
            }
            texts.append(text)
            do throws(TimeZoneError) {
                windows.append(form.window(in: try names.zone(form.zone)))
            } catch {
                report(.badZone(form.zone, error), at: element.offset)
            }
        }
        guard windows.count == elements.count else { return nil }
        return vocabulary.hours.number(of: Hours(text: texts.joined(separator: " or "), windows: windows))
    }
}
