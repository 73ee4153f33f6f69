// What the main part has kept is there in the post part.
console.log(`started: ${process.env.STATE_started}`)
if (process.env.STATE_started !== 'yes') process.exit(1)
