import Testing
import ZooKeeperProtocol

@Suite("Words, opcodes and codes have the real server's numbers")
struct NameTests {
    @Test("a four-letter word is known by its bytes")
    func words() {
        #expect(FourLetterWord(code: 0x7275_6f6b) == .ruok)
        #expect(FourLetterWord(code: 0x6d6e_7472) == .mntr)
        #expect(FourLetterWord(code: 0x5255_4f4b) == nil)
        #expect(FourLetterWord(code: 45) == nil)
        #expect(FourLetterWord.allCases.count == 18)
        for word in FourLetterWord.allCases {
            let code = word.rawValue.utf8.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            #expect(FourLetterWord(code: code) == word)
        }
    }

    @Test("opcodes that clients send by number")
    func opcodes() {
        let numbers: [Opcode: Int32] = [
            .create: 1, .delete: 2, .exists: 3, .getData: 4, .setData: 5, .getACL: 6, .setACL: 7,
            .getChildren: 8, .sync: 9, .ping: 11, .getChildren2: 12, .check: 13, .multi: 14,
            .create2: 15, .reconfig: 16, .checkWatches: 17, .removeWatches: 18,
            .createContainer: 19, .createTTL: 21, .multiRead: 22, .auth: 100, .setWatches: 101,
            .sasl: 102, .getEphemerals: 103, .getAllChildrenNumber: 104, .setWatches2: 105,
            .addWatch: 106, .whoAmI: 107, .closeSession: -11,
        ]
        for (opcode, number) in numbers { #expect(opcode.rawValue == number) }
        for opcode in Opcode.allCases { #expect(opcode.shortName.count == 4) }
    }
}
