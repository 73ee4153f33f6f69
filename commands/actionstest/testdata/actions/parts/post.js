console.log(`post of ${process.env.INPUT_WHO_TO_GREET} after ${process.env.STATE_from}`)
