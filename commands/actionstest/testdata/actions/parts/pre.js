const fs = require('fs')
console.log(`pre of ${process.env.INPUT_WHO_TO_GREET}`)
fs.appendFileSync(process.env.GITHUB_STATE, `from<<END\nthe pre\npart\nEND\n`)
