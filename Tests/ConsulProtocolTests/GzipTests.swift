import ConsulProtocol
import Testing

@Suite("Compressed answers can be read by others")
struct GzipTests {
    @Test("a stream is that which gzip(1) and zlib were seen to read")
    func golden() {
        // Checked with Python's gzip.decompress: header, fixed codes, CRC and length.
        let bytes = Gzip.compressed(Array("abcabcabcabcabc".utf8))
        #expect(bytes.prefix(10).elementsEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]))
        #expect(bytes.suffix(4).elementsEqual([15, 0, 0, 0]))
    }

    @Test("repetition is worth it")
    func ratio() {
        let entry = "{\"LockIndex\":0,\"Key\":\"a/b\",\"Flags\":0,\"Value\":\"aGU8PiZsbG8=\"},"
        let text = Array(String(repeating: entry, count: 100).utf8)
        #expect(Gzip.compressed(text).count < text.count / 10)
    }
}
