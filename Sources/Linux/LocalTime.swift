internal import Glibc
package import MIG

/// A moment as the clock on the wall of whoever runs the program shows it; for people only.
package struct LocalTime: Hashable, Sendable {
    package let year: Int
    package let month: Int
    package let day: Int
    package let hour: Int
    package let minute: Int
    package let second: Int

    /// Nil for a moment whose year no clock can show. The zone is `TZ` or the system's. `localtime_r(3)`
    package init?(_ moment: Timestamp) {
        var seconds = time_t(moment.secondsSinceEpoch)
        // SAFETY: both live through the call, which keeps no pointer to them; the zone's name, a pointer, is never read.
        var parts = unsafe tm()
        guard unsafe localtime_r(&seconds, &parts) != nil else { return nil }
        year = unsafe Int(parts.tm_year) + 1900
        month = unsafe Int(parts.tm_mon) + 1
        day = unsafe Int(parts.tm_mday)
        hour = unsafe Int(parts.tm_hour)
        minute = unsafe Int(parts.tm_min)
        second = unsafe Int(parts.tm_sec)
    }

    /// The moment at which the clock shows a date and time; nil for what no calendar has. `mktime(3)`
    package static func moment(
        year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int = 0
    ) -> Timestamp? {
        guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day),
            (0..<24).contains(hour), (0..<60).contains(minute), (0..<60).contains(second)
        else { return nil }
        // SAFETY: parts lives through the call, and its pointer is never read.
        var parts = unsafe tm()
        unsafe parts.tm_year = Int32(year - 1900)
        unsafe parts.tm_mon = Int32(month - 1)
        unsafe parts.tm_mday = Int32(day)
        unsafe parts.tm_hour = Int32(hour)
        unsafe parts.tm_min = Int32(minute)
        unsafe parts.tm_sec = Int32(second)
        unsafe parts.tm_isdst = -1
        let seconds = unsafe mktime(&parts)
        // mktime carries 31 April over into May.
        guard seconds != -1, unsafe parts.tm_mday == Int32(day) else { return nil }
        return Timestamp(secondsSinceEpoch: Int64(seconds))
    }
}
